"""``cnnforge run``: train, evaluate and report."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cnnforge.cli.common import echo_json, registry, resolve_recipe
from cnnforge.cli.options import ArchitectureOption, DataOption, RecipeArgument, SettingsOption


def run(
    recipe: RecipeArgument,
    data: DataOption = None,
    architecture: ArchitectureOption = None,
    settings: SettingsOption = None,
    runs_dir: Annotated[Path, typer.Option("--runs-dir", help="Parent of the run directory.")] = Path("runs"),
    name: Annotated[str | None, typer.Option("--name", help="Name of the run directory.")] = None,
    strict_data: Annotated[bool, typer.Option("--strict-data", help="Stop at the first unreadable image.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Train a recipe, evaluate it and write a report."""
    resolved = resolve_recipe(
        recipe, data=data, architecture=architecture, settings=settings or [], strict_data=strict_data
    )
    from cnnforge import run_dir
    from cnnforge.backend import import_keras
    from cnnforge.cli.terminal import terminal_reporter
    from cnnforge.data.prepare import open_source
    from cnnforge.outcome import recorded

    # Whatever is wrong with the data or the run directory is said before the seconds that importing Keras takes.
    images = open_source(resolved)
    directory = run_dir.create(resolved, runs_dir, name, tag=images.tag)
    with terminal_reporter(sys.stderr if as_json else sys.stdout) as reporter:
        if images.notice:
            reporter.warn(images.notice)
        reporter.say(f"Recipe   {resolved.recipe.name}: {resolved.architecture.spec.name} on {images.location}")
        reporter.say(f"Run      {directory.path}")
        with recorded(directory, reporter):
            directory.log.write_text(import_keras(), encoding="utf-8")
            from cnnforge.training.run import run as train

        train(run_dir.Run(directory, resolved), images, registry().host, reporter)
    if as_json:
        echo_json({"run": str(directory.path), "report": str(directory.report), **directory.read_evaluation()})
