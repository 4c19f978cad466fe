"""``cnnforge run``: train, evaluate and report, or go on with a run that was interrupted."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cnnforge.cli.common import echo_json
from cnnforge.cli.completion import complete_recipes, complete_runs
from cnnforge.cli.options import ArchitectureOption, DataOption, SettingsOption
from cnnforge.interface import prepare_run, terminal_reporter


def run_command(
    recipe: Annotated[
        str | None, typer.Argument(help="A recipe's name or file; none with --resume.", autocompletion=complete_recipes)
    ] = None,
    data: DataOption = None,
    architecture: ArchitectureOption = None,
    settings: SettingsOption = None,
    runs_dir: Annotated[Path, typer.Option("--runs-dir", help="Parent of the run directory.")] = Path("runs"),
    name: Annotated[str | None, typer.Option("--name", help="Name of the run directory.")] = None,
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume", metavar="RUN", help="Go on with a run that was interrupted.", autocompletion=complete_runs
        ),
    ] = None,
    accept_changes: Annotated[
        bool, typer.Option("--accept-changes", help="Resume though recipe, plugins or images differ.")
    ] = False,
    strict_data: Annotated[bool, typer.Option("--strict-data", help="Stop at the first unreadable image.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Train a recipe, evaluate it and write a report."""
    prepared = prepare_run(
        recipe,
        data=data,
        architecture=architecture,
        settings=settings or (),
        name=name,
        runs_dir=runs_dir,
        resume=resume,
        accept_changes=accept_changes,
        strict_data=strict_data,
    )
    with terminal_reporter(sys.stderr if as_json else sys.stdout) as reporter:
        prepared.train(reporter)
    directory = prepared.directory
    if as_json:
        echo_json({"run": str(directory.path), "report": str(directory.report), **directory.read_evaluation()})
