"""``cnnforge tune``: search better settings of a recipe."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnnforge.cli import ArchitectureOption, DataOption, SettingsOption, echo_json, registry, resolve_recipe
from cnnforge.host import ExecutorSpec
from cnnforge_tuning.settings import executor_of

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from cnnforge.host import Options
    from cnnforge.recipe import ResolvedRecipe


def tune(
    recipe: Annotated[str, typer.Argument(help="A recipe's name or file.")] = "catsdogs",
    trials: Annotated[int | None, typer.Option("--trials", min=1, help="Configurations to try.")] = None,
    algorithm: Annotated[
        str | None, typer.Option(help="How they are chosen: `cnnforge list search-algorithms`.")
    ] = None,
    search: Annotated[
        list[str] | None,
        typer.Option("--search", metavar="SECTION.KEY", help="Search this setting instead; repeatable."),
    ] = None,
    data: DataOption = None,
    architecture: ArchitectureOption = None,
    settings: SettingsOption = None,
    executor: Annotated[str | None, typer.Option("--executor", help="Where trials run.")] = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Trials at a time.")] = None,
    studies_dir: Annotated[Path, typer.Option("--studies-dir", help="Parent of the study folder.")] = Path("studies"),
    name: Annotated[str | None, typer.Option("--name", help="Name of the study; the recipe's if left out.")] = None,
    time_limit: Annotated[
        float | None, typer.Option("--time-limit", metavar="MINUTES", min=0, help="Start no trial after that.")
    ] = None,
    fork: Annotated[
        bool, typer.Option("--fork", help="Where the study has changed, start a new one from its finished trials.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Search better settings of a recipe with Keras Tuner.

    The same command goes on with a study that was interrupted.
    """
    overrides = [
        *([f"tuning.trials={trials}"] if trials else []),
        *([f"tuning.algorithm={algorithm}"] if algorithm else []),
        *([f"tuning.search={json.dumps(search)}"] if search else []),
        *([f"executor.name={executor}"] if executor else []),
        *([f"executor.workers={workers}"] if workers else []),
    ]
    resolved = resolve_recipe(recipe, data=data, architecture=architecture, settings=[*overrides, *(settings or [])])
    from cnnforge_tuning.plan import plan
    from cnnforge_tuning.study_dir import as_begun, check_settings_same, study_dir

    directory = study_dir(studies_dir, name or resolved.recipe.name)
    resolved = as_begun(directory, resolved)
    planned = plan(resolved, registry())
    start, options = _executor(resolved)
    if not fork:
        check_settings_same(directory, planned.resolved, planned.space)
    from cnnforge.data import open_source
    from cnnforge_tuning.study_view import study_view

    images = open_source(resolved)  # what is wrong with the data is said before the seconds that Keras takes
    with study_view(sys.stderr if as_json else sys.stdout) as view:
        view.say(f"Recipe   {resolved.recipe.name}: {resolved.architecture.spec.name} on {images.location}")
        view.say(f"Study    {directory.path}")
        deadline = math.inf if time_limit is None else time.monotonic() + 60 * time_limit
        from cnnforge.system import Interrupt
        from cnnforge_tuning.search import Workers
        from cnnforge_tuning.tune import tune as run_study

        place = Workers(start(options, directory=directory.path), getattr(options, "workers", 1), Interrupt())
        directory = run_study(planned, directory, place, view, deadline=deadline, fork=fork)
        view.show_result(directory)
    if as_json:
        echo_json({"study": str(directory.path), **directory.read()})


def _executor(resolved: ResolvedRecipe) -> tuple[Callable[..., Executor], Options]:
    """Return what starts the executor that the recipe names, and its options."""
    from cnnforge.host import import_deferred
    from cnnforge.recipe import validate

    section = executor_of(resolved)
    entry = registry().catalogue(ExecutorSpec).get(section.name)
    options = validate(entry.spec.options, section.model_extra or {}, "executor", known=["name"])
    return import_deferred(entry.spec.start, f"executor {section.name!r} of plugin {entry.plugin}"), options
