"""Studies for Python and for the command line alike."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import cnnforge
from cnnforge.errors import InterruptedRunError, RecipeError
from cnnforge.host import ExecutorSpec, import_deferred
from cnnforge.interface import Display, Settings, changes, registry, resolve_recipe
from cnnforge.recipe import Setting, validate
from cnnforge_tuning.settings import executor_of
from cnnforge_tuning.study_dir import StudyDir, as_begun, check_settings_same, study_dir

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from cnnforge.host import Options
    from cnnforge.recipe import ResolvedRecipe


class Study:
    """A study: the trials of a search and what came of them. What it says is read from its folder.

    Args:
        directory: Its folder.

    Raises:
        RecipeError: There is no study in it.
    """

    def __init__(self, directory: str | Path) -> None:
        self._files = StudyDir(Path(directory))
        if not self._files.exists():
            raise RecipeError(f"expected the folder of a study, received {directory}")

    @property
    def directory(self) -> Path:
        """The study's folder."""
        return self._files.path

    @property
    def status(self) -> str:
        """``finished`` or ``interrupted``; ``started`` while it is under way or where it was killed."""
        return str(self._files.read()["status"])

    @property
    def trials(self) -> list[dict[str, Any]]:
        """The trials: ``trial``, ``status``, ``score``, ``history``, ``values`` by dotted key, ``seconds`` and more."""
        return list(self._files.read().get("trials", []))

    @property
    def best(self) -> dict[str, Any] | None:
        """The trial with the best score; None before one has any."""
        best = self._files.read().get("best")
        return next((trial for trial in self.trials if trial["trial"] == best), None)

    @property
    def space(self) -> list[dict[str, Any]]:
        """What was searched: ``name``, ``kind``, range and ``default`` of each setting."""
        return list(self._files.read().get("space", []))

    @property
    def verdict(self) -> str:
        """Whether the winner is better than the recipe as it was, trained on fresh seeds."""
        return str(self._files.read().get("verdict", ""))

    @property
    def best_recipe(self) -> Path:
        """The winner's complete recipe, a TOML file."""
        return self._files.best

    def run_best(self, **arguments: Any) -> cnnforge.Run:
        """Train the winner; arguments as of ``cnnforge.run``.

        Raises:
            RecipeError: No trial has a score.
        """
        if not self._files.best.is_file():
            raise RecipeError(f"expected a study with a finished trial, received {self.directory}")
        return cnnforge.run(self._files.best, **arguments)

    def __repr__(self) -> str:
        from cnnforge_tuning.study_view import summary

        return summary(self._files) if self.trials else f"Study({str(self.directory)!r}: {self.status})"

    def _repr_html_(self) -> str:
        page = self._files.page.read_text(encoding="utf-8") if self._files.page.is_file() else ""
        return Display(page, f"Study {self.directory.name}", 640).html


def tune(
    recipe: str,
    *,
    data: str | Path | None = None,
    architecture: str | None = None,
    trials: int | None = None,
    algorithm: str | None = None,
    search: Sequence[str] = (),
    settings: Settings = (),
    name: str | None = None,
    studies_dir: Path = Path("studies"),
    minutes: float | None = None,
    executor: str | None = None,
    workers: int | None = None,
    fork: bool = False,
    stream: TextIO | None = None,
) -> Study:
    """Search better settings of a recipe; arguments as of ``cnnforge.tune``.

    Args:
        recipe: A recipe's name or file.
        data: Folder or archive of photographs.
        architecture: Another architecture.
        trials: Configurations to try.
        algorithm: How they are chosen.
        search: Settings to search.
        settings: Of the recipe.
        name: Of the study.
        studies_dir: Parent of the study's folder.
        minutes: No trial is started after so many.
        executor: Where trials run.
        workers: Trials at a time.
        fork: Where the study has changed, start a new one from its finished trials.
        stream: Where progress is shown, and an interrupt is raised; None: here, and the study is returned.

    Raises:
        CnnforgeError: Whatever goes wrong.
    """
    wanted = {
        "tuning.trials": trials,
        "tuning.algorithm": algorithm,
        "tuning.search": list(search) or None,
        "executor.name": executor,
        "executor.workers": workers,
    }
    overrides: list[Setting] = [f"{key}={json.dumps(value)}" for key, value in wanted.items() if value is not None]
    resolved = resolve_recipe(recipe, data=data, architecture=architecture, settings=[*overrides, *changes(settings)])
    from cnnforge_tuning.plan import plan

    directory = study_dir(studies_dir, name or resolved.recipe.name)
    resolved = as_begun(directory, resolved)
    planned = plan(resolved, registry())
    start, options = _executor(resolved)
    if not fork:
        check_settings_same(directory, planned.resolved, planned.space)
    from cnnforge.data import open_source
    from cnnforge_tuning.study_view import study_view

    images = open_source(resolved)  # what is wrong with the data is said before the seconds that Keras takes
    with study_view(stream or sys.stdout) as view, suppress(*(() if stream else (InterruptedRunError,))):
        view.say(f"Recipe   {resolved.recipe.name}: {resolved.architecture.spec.name} on {images.location}")
        view.say(f"Study    {directory.path}")
        deadline = math.inf if minutes is None else time.monotonic() + 60 * minutes
        from cnnforge.system import Interrupt
        from cnnforge_tuning.search import Workers
        from cnnforge_tuning.tune import tune as run_study

        place = Workers(start(options, directory=directory.path), getattr(options, "workers", 1), Interrupt())
        directory = run_study(planned, directory, place, view, deadline=deadline, fork=fork)
        view.show_result(directory)
    return Study(directory.path)


def _executor(resolved: ResolvedRecipe) -> tuple[Callable[..., Executor], Options]:
    """Return what starts the executor that the recipe names, and its options."""
    section = executor_of(resolved)
    entry = registry().catalogue(ExecutorSpec).get(section.name)
    options = validate(entry.spec.options, section.model_extra or {}, "executor", known=["name"])
    return import_deferred(entry.spec.start, f"executor {section.name!r} of plugin {entry.plugin}"), options
