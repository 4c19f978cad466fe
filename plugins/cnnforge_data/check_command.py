"""``cnnforge data check``: what a run would train on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cnnforge.cli import SettingsOption, echo_json, registry, resolve_recipe


def check(
    path: Annotated[Path | None, typer.Argument(help="Folder or archive of photographs.")] = None,
    recipe: Annotated[
        str, typer.Option("--recipe", help="Recipe whose data source and settings are used.")
    ] = "directory-cnn",
    settings: SettingsOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Print what photographs there are, what is left out and why, and what occurs twice."""
    resolved = resolve_recipe(recipe, data=path, settings=settings or [])
    from cnnforge.cli import terminal_reporter
    from cnnforge.data import open_source, prepare
    from cnnforge_data.description import data_lines, describe_data

    images = open_source(resolved)
    with terminal_reporter(sys.stderr) as reporter:
        host = registry().host
        data = prepare(resolved, images, lambda done, total: reporter.progress("Reading images", done, total), host)
    facts = describe_data(images, data.manifest)
    if as_json:
        echo_json(facts)
    else:
        typer.echo("\n".join(data_lines(facts)))
