"""The runs below a folder: what each is, how good it is, what it takes on the disk; which may go, and their removal."""

from __future__ import annotations

import datetime
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnnforge.errors import StorageError
from cnnforge.running.run_dir import RunDir, is_running
from cnnforge.system import files

_UNFINISHED = ("failed", "interrupted", "killed")
_KEPT = ("running", "damaged")  # never chosen


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
    """Return the runs directly below a folder, the latest first."""
    runs = [summarize(RunDir(path.parent)) for path in runs_dir.glob("[!.]*/run.json")]
    return sorted(runs, key=SORT_KEYS["started"], reverse=True)


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
            measured.get("measures", {}).get("balanced_accuracy"),
        )
    except (StorageError, AttributeError, KeyError, TypeError):
        return RunSummary(directory.path, "damaged", num_bytes=num_bytes)


def _status(directory: RunDir, recorded: str) -> str:
    if recorded != "started":
        return recorded
    return "running" if is_running(directory) else "killed"


@dataclass(frozen=True, slots=True)
class PruningRules:
    """What is chosen.

    Args:
        unfinished: Runs that failed, were interrupted or killed.
        keep_best: Finished runs, but for so many of each recipe with the highest accuracy.
        older_than_days: Of what the other two choose only runs that started longer ago; without them, any such run.
    """

    unfinished: bool = False
    keep_best: int | None = None
    older_than_days: float | None = None


def prunable(runs: Sequence[RunSummary], rules: PruningRules, now: datetime.datetime) -> list[tuple[RunSummary, str]]:
    """Return the runs that the rules choose, each with the reason.

    Never a run that is running, nor the best run with weights of a recipe: its weights may be all that is left.

    Args:
        runs: All runs of a folder.
        rules: What to choose.
        now: The present time, with its time zone.
    """
    ranked = sorted(runs, key=SORT_KEYS["accuracy"], reverse=True)
    protected = {run.path for run in _first_of_each_recipe((run for run in ranked if run.has_weights), 1)}
    finished = [run for run in ranked if run.status == "finished"]
    best = {run.path for run in _first_of_each_recipe(finished, rules.keep_best or 0)}
    removed = []
    for run in runs:
        reason = _reason(run, rules, is_best=run.path in best)
        if reason and run.status not in _KEPT and run.path not in protected and _is_old(run, rules, now):
            removed.append((run, reason))
    return removed


def remove_run(run: RunSummary) -> bool:
    """Delete a run, unless it is running by now; return whether it is gone.

    It is renamed first, so that nobody finds half of one.

    Raises:
        StorageError: It cannot be deleted.
    """
    if RunDir(run.path).read_run()["status"] == "started" and is_running(RunDir(run.path)):
        return False
    doomed = run.path.with_name(f".{run.name}.removed")
    with files.storage_errors(run.path):
        run.path.rename(doomed)
        shutil.rmtree(doomed)
    return True


def _first_of_each_recipe(ranked: Iterable[RunSummary], number: int) -> list[RunSummary]:
    kept: dict[str, list[RunSummary]] = {}
    for run in ranked:
        kept.setdefault(run.recipe, []).append(run)
    return [run for of_recipe in kept.values() for run in of_recipe[:number]]


def _reason(run: RunSummary, rules: PruningRules, *, is_best: bool) -> str:
    if rules.unfinished and run.status in _UNFINISHED:
        return run.status
    if rules.keep_best is not None and run.status == "finished" and not is_best:
        return f"not among the {rules.keep_best} best of {run.recipe}"
    is_by_age_alone = not rules.unfinished and rules.keep_best is None
    return f"older than {rules.older_than_days:g} days" if is_by_age_alone and rules.older_than_days is not None else ""


def _is_old(run: RunSummary, rules: PruningRules, now: datetime.datetime) -> bool:
    if rules.older_than_days is None:
        return True
    return now - datetime.datetime.fromisoformat(run.started) > datetime.timedelta(days=rules.older_than_days)
