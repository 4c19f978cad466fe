"""``cnnforge run``: train, evaluate and report, or go on with a run that was interrupted."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnnforge.cli.common import echo_json, registry, resolve_recipe
from cnnforge.cli.completion import complete_recipes, complete_runs
from cnnforge.cli.options import ArchitectureOption, DataOption, SettingsOption
from cnnforge.errors import RecipeError
from cnnforge.evaluation import asked_measures

if TYPE_CHECKING:
    from cnnforge.images import LabelledImages
    from cnnforge.running import Run


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
    from cnnforge.running import Run, create_run_dir, find_run, hold_run, is_finished, reopen

    if (recipe is None) == (resume is None):
        raise RecipeError("expected either a recipe or --resume RUN", hint="`cnnforge list recipes` lists recipes")
    if resume is not None and name is not None:
        raise RecipeError("expected --name for a new run only, received --resume beside it")
    interrupted = None if resume is None else find_run(resume, runs_dir)
    resolved = resolve_recipe(
        recipe or "" if interrupted is None else str(interrupted.recipe),
        data=data,
        architecture=architecture,
        settings=settings or [],
        strict_data=strict_data,
    )
    asked_measures(resolved.recipe.training, registry())
    if interrupted is not None and is_finished(interrupted, resolved):
        directory = interrupted
        typer.echo(f"nothing to resume: {directory.path} is finished", err=as_json)
    else:
        from cnnforge.data import open_source

        # Whatever is wrong with the data or the run directory is said before the seconds that importing Keras takes.
        images = open_source(resolved)
        directory = interrupted or create_run_dir(resolved, runs_dir, name, tag=images.tag, host=registry().host)
        with hold_run(directory):
            if interrupted is not None:
                reopen(directory, resolved, accept_changes=accept_changes)
            _train(Run(directory, resolved, accept_changes), images, as_json=as_json)
    if as_json:
        echo_json({"run": str(directory.path), "report": str(directory.report), **directory.read_evaluation()})


def _train(run: Run, images: LabelledImages, *, as_json: bool) -> None:
    from cnnforge.cli.terminal import terminal_reporter
    from cnnforge.running import execute

    recipe, directory = run.resolved.recipe, run.directory
    with terminal_reporter(sys.stderr if as_json else sys.stdout) as reporter:
        if images.notice:
            reporter.warn(images.notice)
        reporter.say(f"Recipe   {recipe.name}: {run.resolved.architecture.spec.name} on {images.location}")
        reporter.say(f"Run      {directory.path}")
        execute(run, images, registry(), reporter)
