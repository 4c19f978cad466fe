"""``cnnforge data split``: photographs as the folders that the classic tutorial wants."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cnnforge.cli import SettingsOption
from cnnforge.interface import resolve_recipe


def split(
    path: Annotated[Path, typer.Argument(metavar="ARCHIVE", help="Folder or archive of photographs.")],
    to: Annotated[Path, typer.Option("--to", help="Folder to write; must not exist yet.")],
    recipe: Annotated[
        str, typer.Option("--recipe", help="Recipe whose data source and settings are used.")
    ] = "directory-cnn",
    settings: SettingsOption = None,
) -> None:
    """Write training and testing folders as the classic tutorial has them.

    The originals stay where they are: links where possible, copies otherwise.
    """
    # The tutorial divides in two; a part for validation is there for the asking. Pixels are not needed, only checked.
    changes = ["data.validation_fraction=0", "data.store=off", *(settings or [])]
    resolved = resolve_recipe(recipe, data=path, settings=changes)
    from cnnforge.data import open_source, prepare
    from cnnforge.interface import terminal_reporter
    from cnnforge_catsdogs.split_folders import check_target, write_split_folders

    check_target(to)
    images = open_source(resolved)
    with terminal_reporter(sys.stderr) as reporter:
        data = prepare(resolved, images, lambda done, total: reporter.progress("Reading images", done, total))
        written = write_split_folders(
            images,
            data.manifest,
            to,
            lambda done, total: reporter.progress("Writing images", done, total),
            originals=path if path.is_dir() else None,
        )
    for (folder, class_name), count in sorted(written.counts.items()):
        typer.echo(f"{to / folder / class_name}: {count:,} images")
    for name, reason in data.manifest.faults().items():
        typer.echo(f"left out: {name}: {reason}")
    for warning in data.manifest.warnings:
        typer.echo(f"! {warning}")
