"""Which runs may go, and their removal."""

from __future__ import annotations

import datetime
import secrets
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cnnforge.running import SORT_KEYS, RunDir, RunSummary, summarize
from cnnforge.system import files

_UNFINISHED = ("failed", "interrupted", "killed")
_KEPT = ("running", "damaged")  # never chosen


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

    It is renamed first, so that nobody finds half of one. Links are not followed, and what became one is left alone.

    Raises:
        StorageError: It cannot be deleted.
    """
    if run.path.is_symlink() or summarize(RunDir(run.path)).status in _KEPT:
        return False
    doomed = run.path.with_name(f".removed-{secrets.token_hex(4)}")  # of a length that every file system takes
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
