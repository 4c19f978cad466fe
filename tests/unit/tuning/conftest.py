"""A plan of the catsdogs recipe, and an executor that trains nothing but leaves behind what a trial would."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest

from cnnforge.host.plugin_host import PluginHost
from cnnforge.host.registry import Registry
from cnnforge.recipe.loading import load_recipe
from cnnforge.recipe.resolving import resolve
from cnnforge.system import files
from cnnforge.system.interrupt import Interrupt
from cnnforge_tuning.local import WorkerDiedError
from cnnforge_tuning.plan import Plan, plan
from cnnforge_tuning.search import Workers
from cnnforge_tuning.study import Study
from cnnforge_tuning.study_dir import StudyDir
from cnnforge_tuning.trial import Task


def built_in() -> Registry:
    return Registry(PluginHost.discover({"CNNFORGE_LOAD_PLUGINS": ""}))


def make_plan(*overrides: str) -> Plan:
    registry = built_in()
    return plan(resolve(load_recipe("catsdogs", registry, overrides), registry), registry)


def make_study(path: Path, *overrides: str) -> Study:
    planned = make_plan(*overrides)
    path.mkdir(exist_ok=True)
    return Study(StudyDir(path), planned)


class FakeExecutor(Executor):
    """Writes the files of a trial at once; ``score`` says what it came to, from its recipe's values."""

    def __init__(self, score: Callable[[dict[str, Any]], Any]) -> None:
        self.score = score
        self.trained: list[str] = []

    def submit(self, function, /, *args, **kwargs):
        future: Future[None] = Future()
        try:
            self._train(*args)
            future.set_result(None)
        except BaseException as error:
            future.set_exception(error)
        return future

    def _train(self, task: Task) -> None:
        self.trained.append(task.directory.name)
        task.directory.mkdir(parents=True, exist_ok=True)
        (task.directory / "failure.json").unlink(missing_ok=True)
        came_to = self.score(tomllib.loads(task.recipe))
        if isinstance(came_to, BaseException):
            raise came_to
        if isinstance(came_to, dict):
            files.write_json(task.directory / "failure.json", came_to)
            return
        lines = [{"epoch": i, "val_accuracy": v, "val_loss": 1 - v} for i, v in enumerate(came_to, start=1)]
        (task.directory / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        (task.directory / "checkpoints").mkdir(exist_ok=True)
        (task.directory / "checkpoints" / "best.npz").write_bytes(b"weights")
        (task.directory / "model.keras").write_bytes(b"weights")
        files.write_json(task.directory / "evaluation.json", {"accuracy": came_to[-1] if came_to else 0.0})
        files.write_json(task.directory / "run.json", {"status": "finished"})

    @property
    def workers(self) -> Workers:
        return Workers(self, 2, Interrupt())


class Silent:
    """A view that remembers what it was told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.warned: list[str] = []
        self.ended: list[str] = []

    def say(self, text):
        self.said.append(text)

    def warn(self, text):
        self.warned.append(text)

    def trial_ended(self, study, trial):
        self.ended.append(trial.id)

    def update(self, study, running, num_trials, seconds_left):
        assert seconds_left >= 0


@pytest.fixture
def killed() -> WorkerDiedError:
    return WorkerDiedError(-9)
