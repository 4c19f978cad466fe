"""The run directory: the name of every file in it, who writes into it, and what is known of a run before it starts."""

from __future__ import annotations

import os
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock

from cnnforge.errors import BusyError
from cnnforge.evaluation import EvaluationDir
from cnnforge.recipe import ResolvedRecipe
from cnnforge.system import PathInside, files

_QUIET_SECONDS = 24 * 3600.0  # without a lock to ask, a run counts as running until this long after its last write


@dataclass(frozen=True, slots=True)
class RunDir(EvaluationDir):
    """A run directory and the paths in it; the evaluation that ended the run lies in the folder itself."""

    recipe = PathInside("recipe.toml")
    """The complete recipe, TOML."""
    run_json = PathInside("run.json")
    """Provenance and outcome, JSON."""
    manifest = PathInside("manifest.jsonl")
    """Every image seen, one JSON object a line."""
    metrics = PathInside("metrics.jsonl")
    """Metrics of each epoch, one JSON object a line."""
    checkpoints = PathInside("checkpoints")
    """Folder of the best weights and of what a resumed run goes on from."""
    model = PathInside("model.keras")
    """The trained model with the best weights, Keras format."""
    evaluations = PathInside("evaluations")
    """Folder of later evaluations, a folder each."""
    explanations = PathInside("explanations")
    """Folder of what ``cnnforge explain`` made, a folder each."""
    augmentation = PathInside("augmentation.jpg")
    """A sheet of training images as augmentation varies them, if it does."""
    reproduction = PathInside("reproduction.json")
    """How this run compares with the one from whose record it was trained, JSON, if there is one."""
    report = PathInside("report.html")
    """The report, one self-contained HTML file."""
    model_card = PathInside("model_card.md")
    """The model card, Markdown."""
    exports = PathInside("exports")
    """Folder of what ``cnnforge export`` wrote."""
    log = PathInside("log.txt")
    """What the libraries logged."""
    lock = PathInside("run.lock")
    """Held by the process that writes into the folder; empty."""

    @property
    def best_weights(self) -> Path:
        """Weights of the best epoch, as ``run.json`` names them; no such file while there are none."""
        weights = self.read_run().get("weights") if self.run_json.is_file() else None
        return self.checkpoints / Path(str(weights.get("file", "best")) if isinstance(weights, dict) else "best").name

    def read_run(self) -> dict[str, Any]:
        """Return the content of ``run.json``.

        Raises:
            StorageError: It is damaged.
        """
        return files.read_json(self.run_json)

    def update_run(self, **values: Any) -> None:
        """Add facts to ``run.json``."""
        with files.storage_errors(self.run_json):
            files.write_json(self.run_json, {**self.read_run(), **values})


@dataclass(frozen=True, slots=True)
class Run:
    """What hooks are told of a run: the run's folder and its complete recipe.

    ``accept_changes``: whether a resumed run goes on where the data are no longer the same.
    """

    directory: RunDir
    resolved: ResolvedRecipe
    accept_changes: bool = False


@contextmanager
def hold_run(run_dir: RunDir) -> Iterator[None]:
    """Keep every other process from writing into a run directory; the lock of a process that died is free.

    Raises:
        BusyError: Another process holds it.
        StorageError: The folder cannot be written to.
    """
    lock = filelock.FileLock(run_dir.lock, timeout=0)
    with files.storage_errors(run_dir.lock):
        try:
            lock.acquire()
        except filelock.Timeout:
            owner = run_dir.read_run().get("process", {})
            raise BusyError(
                f"expected a run directory that nobody writes into, received {run_dir.path}, which process"
                f" {owner.get('pid')} on {owner.get('host')} is writing into",
                hint="wait until it is done, or stop it; it saves first",
            ) from None
    try:
        run_dir.update_run(process={"pid": os.getpid(), "host": socket.gethostname()})
        yield
    finally:
        lock.release()


def is_running(directory: RunDir) -> bool:
    """Return whether a process may be writing into a run directory this moment."""
    lock = filelock.FileLock(directory.lock, timeout=0)
    try:
        if not os.path.lexists(directory.lock):
            newest = max(path.lstat().st_mtime for path in (directory.path, *directory.path.rglob("*")))
            return time.time() - newest < _QUIET_SECONDS
        if not stat.S_ISREG(directory.lock.lstat().st_mode):
            return True  # no lock of CNNForge's, and taking it could change what it links to
        with lock:
            return False
    except filelock.Timeout:
        return True
    except OSError:  # a folder that may only be read: what cannot be asked is taken for running
        return True
