"""When to stop a trial that the others leave behind, by what every trial has written after each epoch.

The rules read ``metrics.jsonl`` of the other trials, so they work with any oracle and wherever trials share a file
system, and need nobody who is asked.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

from cnnforge.running import RunDir
from cnnforge.system import read_lines
from cnnforge_tuning.objective import Objective

_MEDIAN_TRIALS = 4  # others that got as far, before the median of them means something
_REDUCTION = 3  # of three trials at a rung, successive halving lets one go on

History = Sequence[float]
"""The objective of each epoch so far."""


def is_below_median(own: History, others: Sequence[History], objective: Objective) -> bool:
    """Return whether a trial's best so far is worse than the median of the others' best up to the same epoch.

    The median stopping rule of Golovin et al. 2017 (Google Vizier), without its averaging over epochs, which lets
    every rising curve pass.
    """
    rivals = _best_until(len(own), others, objective)
    return len(rivals) >= _MEDIAN_TRIALS and objective.better(statistics.median(rivals), objective.best(own))


def is_halved(own: History, others: Sequence[History], objective: Objective) -> bool:
    """Return whether a trial at a rung (1, 3, 9, … epochs) is not among the best third of those that were there.

    Asynchronous successive halving (Li et al. 2020, arXiv:1810.05934), with what is known at this moment.
    """
    rungs = [_REDUCTION**power for power in range(20)]
    if len(own) not in rungs:
        return False
    reached = [*_best_until(len(own), others, objective), objective.best(own)]
    reached.sort(reverse=objective.is_max)
    num_promoted = max(1, len(reached) // _REDUCTION)
    return len(reached) >= _REDUCTION and objective.better(reached[num_promoted - 1], objective.best(own))


RULES = {"median": is_below_median, "halving": is_halved}


def histories(folder: Path, objective: Objective) -> dict[str, list[float]]:
    """Return the objective of each epoch of every trial in a folder of run directories."""
    return {path.parent.name: history(RunDir(path.parent), objective) for path in folder.glob("*/metrics.jsonl")}


def history(directory: RunDir, objective: Objective) -> list[float]:
    """Return the objective of each epoch of a run; not a number where an epoch has none."""
    lines = [line for line in read_lines(directory.metrics) if "epoch" in line]
    return [float(line.get(objective.name, "nan")) for line in lines]


def _best_until(num_epochs: int, others: Sequence[History], objective: Objective) -> list[float]:
    return [objective.best(other[:num_epochs]) for other in others if len(other) >= num_epochs]
