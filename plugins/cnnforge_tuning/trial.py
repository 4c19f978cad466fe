"""One trial: an ordinary run directory, trained in a process of its own, and what came of it, read from its files.

Importing this imports nothing heavy, so that a worker can choose its processors before TensorFlow counts them.
"""

from __future__ import annotations

import faulthandler
import os
import shutil
import sys
import tomllib
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cnnforge
from cnnforge.errors import InterruptedRunError, StorageError, TrainingDivergedError
from cnnforge.running import RunDir
from cnnforge.system import files
from cnnforge_tuning.objective import Objective
from cnnforge_tuning.pruning import history

if TYPE_CHECKING:
    import keras

    from cnnforge.running import Run

FAILURE = "failure.json"
TIMEOUT = "timeout.txt"
_LOCK_SECONDS = 60.0  # until a worker whose parent was killed has noticed and ended
_CAUSE_LINES = 30
_OUT_OF_MEMORY = ("MemoryError", "ResourceExhausted", "bad_alloc", "out of memory", "OOM")


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker needs to know to train a trial.

    Args:
        directory: The run directory, new or to be gone on with.
        recipe: The trial's recipe, TOML.
        objective: What pruning compares.
        pruning: ``none``, ``median`` or ``halving``.
        last_epoch: Where a round of Hyperband ends; None trains all epochs.
        continues: The run directory of the trial that this one goes on from.
        time_limit_seconds: After this long the process ends itself.
    """

    directory: Path
    recipe: str
    objective: Objective
    pruning: str = "none"
    last_epoch: int | None = None
    continues: Path | None = None
    time_limit_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a trial.

    ``status`` is ``finished``, ``pruned``, ``failed`` or ``interrupted``; ``history`` the objective of each epoch;
    ``kind`` and ``reason`` why it failed, in a word and in a line; ``cause`` the end of a traceback.
    """

    status: str
    history: list[float]
    kind: str = ""
    reason: str = ""
    cause: str = ""


def run_trial(task: Task) -> None:
    """Train a trial. Whatever goes wrong is written into its directory, and nothing is raised."""
    with files.storage_errors(task.directory):
        task.directory.mkdir(parents=True, exist_ok=True)
    for name in (FAILURE, TIMEOUT):
        (task.directory / name).unlink(missing_ok=True)
    with _output_into(task.directory / "log.txt"), _time_limit(task):
        try:
            _train(task)
        except BaseException as error:  # SystemExit and KeyboardInterrupt end a trial, not the study
            traceback.print_exc()
            _record(task.directory / FAILURE, error)


def outcome(directory: RunDir, objective: Objective, error: BaseException | None) -> Outcome:
    """Return what came of a trial.

    Args:
        directory: Its run directory.
        objective: What the study optimises.
        error: What the executor raised, if the worker did not return.
    """
    found = _read(directory.path / FAILURE)
    timeout = _text(directory.path / TIMEOUT)
    facts = _read(directory.run_json)
    values = history(directory, objective)
    if found:
        return Outcome(found.pop("status", "failed"), values, **found)
    if timeout:
        return Outcome("failed", values, "hangs", "trained longer than its time limit", timeout)
    if error is not None:
        kind = getattr(error, "kind", type(error).__name__)
        return Outcome("failed", values, kind, str(error), _text(directory.log))
    if facts.get("status") != "finished":
        return Outcome("failed", values, "garbage", f"ended without a result in {directory.run_json.name}", "")
    if objective.best(values) == objective.worst:
        return Outcome("failed", values, "no score", f"no epoch has a finite {objective.name}", "")
    return Outcome("pruned" if facts.get("pruned") else "finished", values)


def is_finished(directory: RunDir) -> bool:
    """Return whether a trial was trained to its end, though nobody was there to note it."""
    return _read(directory.run_json).get("status") == "finished"


def remove_weights(directory: RunDir) -> None:
    """Delete what takes room in a run directory: weights, checkpoints and the model."""
    shutil.rmtree(directory.checkpoints, ignore_errors=True)
    directory.model.unlink(missing_ok=True)


def _train(task: Task) -> None:
    """Do what ``cnnforge run`` does, or ``cnnforge run --resume``."""
    from cnnforge.data import open_source
    from cnnforge.host import PluginHost, Registry
    from cnnforge.recipe import recipe_from_values, resolve
    from cnnforge.running import Run, execute, hold_run, provenance, reopen
    from cnnforge.system import Reporter

    registry = Registry(PluginHost.discover())
    resolved = resolve(recipe_from_values(tomllib.loads(task.recipe), "trial", "of the trial"), registry)
    images = open_source(resolved)
    directory = RunDir(task.directory)
    _wait_for(directory)
    if not directory.run_json.is_file():
        _continue(task)
        files.write_text(directory.recipe, resolved.recipe.to_toml())
        files.write_json(directory.run_json, provenance(resolved))
    with hold_run(directory):
        reopen(directory, resolved)
        registry.host.register(PruningPlugin(task.objective, task.pruning, task.last_epoch), "cnnforge:pruning")
        execute(Run(directory, resolved), images, registry, Reporter())


class PruningPlugin:
    """Brings the callback that ends a trial early into its run, as any plugin would."""

    def __init__(self, objective: Objective, rule: str, last_epoch: int | None) -> None:
        self._arguments = (objective, rule, last_epoch)

    @cnnforge.hookimpl
    def cnnforge_callbacks(self, run: Run) -> Iterator[keras.callbacks.Callback]:
        """Bring the callback."""
        from cnnforge_tuning.pruning_callback import Pruning

        yield Pruning(run, *self._arguments)


def _continue(task: Task) -> None:
    """Copy what a trial of Hyperband's round before came to; where that is gone it is trained again, the same."""
    if task.continues is None:
        return
    from cnnforge.running import checkpoints, newest_checkpoint

    before, now = RunDir(task.continues), RunDir(task.directory)
    with suppress(OSError):
        shutil.copytree(before.checkpoints, now.checkpoints, dirs_exist_ok=True)
        found = newest_checkpoint(now.checkpoints, print)
        if found is not None:
            checkpoints.publish(found.path, {**found.facts, "is_stopped": False})


def _wait_for(directory: RunDir) -> None:
    import filelock

    with filelock.FileLock(directory.lock, timeout=_LOCK_SECONDS):
        pass


def _record(path: Path, error: BaseException) -> None:
    kind = type(error).__name__
    if any(word in f"{kind}: {error}" for word in _OUT_OF_MEMORY):
        kind = "out of memory"
    elif isinstance(error, TrainingDivergedError):
        kind = "diverged"
    is_interrupted = isinstance(error, KeyboardInterrupt | InterruptedRunError)
    lines = "".join(traceback.format_exception(error)).splitlines()
    facts = {
        "status": "interrupted" if is_interrupted else "failed",
        "kind": kind,
        "reason": f"{type(error).__name__}: {error}",
        "cause": "\n".join(lines[-_CAUSE_LINES:]),
    }
    with suppress(OSError, StorageError):  # a full disk may be what ended the trial; the executor's error is left
        files.write_json(path, facts)


@contextmanager
def _output_into(path: Path) -> Iterator[None]:
    """Send what this process and its libraries print into the trial's log instead of over the study's table."""
    saved = [os.dup(1), os.dup(2)]
    with path.open("a", encoding="utf-8") as log:
        for number in (1, 2):
            os.dup2(log.fileno(), number)
        try:
            yield
        finally:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            for number, handle in zip((1, 2), saved, strict=True):
                os.dup2(handle, number)
                os.close(handle)


@contextmanager
def _time_limit(task: Task) -> Iterator[None]:
    """End the process when the trial takes too long, leaving behind where each of its threads was."""
    if task.time_limit_seconds is None:
        yield
        return
    with (task.directory / TIMEOUT).open("w", encoding="utf-8") as file:
        # A thread of the interpreter's own, which no code that never returns can hold up.
        faulthandler.dump_traceback_later(task.time_limit_seconds, exit=True, file=file)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()


def _read(path: Path) -> dict[str, Any]:
    try:
        return files.read_json(path)
    except StorageError:
        return {}


def _text(path: Path) -> str:
    try:
        return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-_CAUSE_LINES:])
    except OSError:
        return ""
