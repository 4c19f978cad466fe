"""``cnnforge data check``: what a run would train on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cnnforge.cli import SettingsOption, echo_json


def check(
    path: Annotated[Path | None, typer.Argument(help="Folder or archive of photographs.")] = None,
    recipe: Annotated[
        str, typer.Option("--recipe", help="Recipe whose data source and settings are used.")
    ] = "directory-cnn",
    settings: SettingsOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Print what photographs there are, what is left out and why, and what occurs twice."""
    from cnnforge_data.interface import check as checked

    summary = checked(path, recipe=recipe, settings=settings or ())
    if as_json:
        echo_json(summary.facts)
    else:
        typer.echo(repr(summary))
