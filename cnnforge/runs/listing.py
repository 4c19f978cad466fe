"""The runs below a folder: what each is, how good it is, what it takes on the disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnnforge.errors import StorageError
from cnnforge.runs.locking import is_running
from cnnforge.runs.run_dir import RunDir


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run in a few facts.

    ``status`` is that of ``run.json``, but ``running`` or ``killed`` instead of ``started``, and ``damaged`` where
    ``run.json`` cannot be read. ``accuracy`` and ``interval`` are None without an evaluation, of ``split``.
    """

    path: Path
    status: str
    started: str = ""
    recipe: str = ""
    architecture: str = ""
    split: str = ""
    accuracy: float | None = None
    interval: tuple[float, float] | None = None
    num_bytes: int = 0
    has_weights: bool = False

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.path.name


SORT_KEYS: Mapping[str, Callable[[RunSummary], Any]] = {
    "started": lambda run: run.started,
    "accuracy": lambda run: -1.0 if run.accuracy is None else run.accuracy,
    "size": lambda run: run.num_bytes,
    "name": lambda run: run.name,
}
"""By what runs can be sorted."""


def list_runs(runs_dir: Path) -> list[RunSummary]:
    """Return the runs directly below a folder, the latest first."""
    found = [summarize(RunDir(path.parent)) for path in runs_dir.glob("[!.]*/run.json")]
    return sorted(found, key=SORT_KEYS["started"], reverse=True)


def summarize(directory: RunDir) -> RunSummary:
    """Return the facts of one run."""
    num_bytes = sum(path.lstat().st_size for path in directory.path.rglob("*") if not path.is_dir())
    try:
        facts = directory.read_run()
        measured = directory.read_evaluation() if directory.evaluation.is_file() else {}
        interval = measured.get("accuracy_interval")
        return RunSummary(
            directory.path,
            _status(directory, facts["status"]),
            facts["started"],
            facts["recipe"],
            facts["plugins"]["architecture"]["name"],
            measured.get("split", ""),
            measured.get("accuracy"),
            (interval[0], interval[1]) if interval else None,
            num_bytes,
            any((directory.path / "checkpoints").glob("*")),
        )
    except (StorageError, AttributeError, KeyError, TypeError):
        return RunSummary(directory.path, "damaged", num_bytes=num_bytes)


def _status(directory: RunDir, recorded: str) -> str:
    if recorded != "started":
        return recorded
    return "running" if is_running(directory) else "killed"
