"""The runs below a folder: what each is, how good it is, what it takes on the disk."""

from __future__ import annotations

import contextlib
import datetime
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnnforge.errors import StorageError
from cnnforge.running.run_dir import RunDir, is_running
from cnnforge.system import files

_MAX_JSON_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run in a few facts.

    ``status`` is that of ``run.json``, but ``running`` or ``killed`` instead of ``started``, and ``damaged`` where its
    files cannot be read or do not say what those of a run say. ``accuracy`` and ``interval`` are
    None without an evaluation, of ``split``.
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
    balanced_accuracy: float | None = None

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
    """Return the runs directly below a folder, the latest first; what is only linked there is none of them.

    Raises:
        StorageError: The folder cannot be read.
    """
    try:
        with os.scandir(runs_dir) as entries:
            folders = [RunDir(Path(e)) for e in entries if e.is_dir(follow_symlinks=False) and e.name[0] != "."]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise StorageError(f"cannot read {runs_dir}: {error.strerror}", hint="choose another --runs-dir") from error
    runs = [
        summarize(folder)
        for folder in folders
        if os.path.lexists(folder.run_json) or not os.access(folder.path, os.X_OK)
    ]
    return sorted(runs, key=SORT_KEYS["started"], reverse=True)


def summarize(directory: RunDir) -> RunSummary:
    """Return the facts of one run, whatever its files hold; links among them are not followed."""
    num_bytes = _num_bytes(directory.path)
    try:
        facts = _read(directory.run_json)
        measured = _read(directory.evaluation) if os.path.lexists(directory.evaluation) else {}
        interval, balanced = measured.get("accuracy_interval"), measured.get("measures", {}).get("balanced_accuracy")
        return RunSummary(
            directory.path,
            _status(directory, _text(facts["status"])),
            _time(facts["started"]).isoformat(),
            _text(facts["recipe"]),
            _text(facts["plugins"]["architecture"]["name"]),
            _text(measured.get("split", "")),
            _share(measured["accuracy"]) if "accuracy" in measured else None,
            (_share(interval[0]), _share(interval[1])) if interval else None,
            num_bytes,
            any(directory.checkpoints.glob("*")),
            None if balanced is None else _share(balanced),
        )
    except (StorageError, OSError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return RunSummary(directory.path, "damaged", num_bytes=num_bytes)


def _read(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file, if it is a file: reading a pipe would never end."""
    facts = path.lstat()
    if not stat.S_ISREG(facts.st_mode) or facts.st_size > _MAX_JSON_BYTES:
        raise StorageError(f"expected a file of at most {_MAX_JSON_BYTES} bytes, received {path}")
    return files.read_json(path)


def _num_bytes(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):  # gone by now
                total += Path(parent, name).lstat().st_size
    return total


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _share(value: Any) -> float:
    if not 0 <= value <= 1:  # nor may it be no number
        raise ValueError(value)
    return float(value)


def _time(text: str) -> datetime.datetime:
    time = datetime.datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=datetime.UTC)


def _status(directory: RunDir, recorded: str) -> str:
    if recorded != "started":
        return recorded
    return "running" if is_running(directory) else "killed"
