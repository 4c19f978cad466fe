"""A new study from the finished trials of another, where what they measured is still true."""

from __future__ import annotations

from typing import Any

from cnnforge.system import differences
from cnnforge_tuning.journal import Journal
from cnnforge_tuning.objective import Objective
from cnnforge_tuning.pruning import history
from cnnforge_tuning.search import View
from cnnforge_tuning.settings import tuning_of
from cnnforge_tuning.space import is_inside
from cnnforge_tuning.study import Study, Trial, trials_of
from cnnforge_tuning.study_dir import StudyDir

_MEASURED_BY = ("recipe", "plugins", "data")
_FREE_ALGORITHMS = ("random", "bayesian")  # the others go through their trials in an order of their own


def take_over(study: Study, origin: StudyDir, now: dict[str, Any], view: View) -> None:
    """Give a new study the finished trials of another that lie in its space, and say how many.

    Args:
        study: The new one, without trials.
        origin: The folder of the other.
        now: The identity of the new one.
        view: Told what was taken, or why nothing was.
    """
    changed = [
        line
        for part in _MEASURED_BY
        for line in differences({part: origin.read()["identity"][part]}, {part: now[part]})
    ]
    if changed:
        view.warn(f"no trial of {origin.path} is taken over, since they measured something else: {'; '.join(changed)}")
    elif tuning_of(study.base).algorithm not in _FREE_ALGORITHMS:
        view.warn(f"no trial of {origin.path} is taken over: {tuning_of(study.base).algorithm} makes its own")
    else:
        found = [_measured(trial, origin, study.objective) for trial in _finished(origin)]
        fitting = [trial for trial in found if trial.history and is_inside(study.space, trial.settings)]
        for trial in fitting:
            study.take_over(trial, origin.path.name)
        view.say(f"Fork     {len(fitting)} of {len(found)} trials of {origin.path} are taken over")


def _finished(origin: StudyDir) -> list[Trial]:
    trials = trials_of(Journal(origin.journal).read()).values()
    return [trial for trial in trials if trial.status in ("finished", "pruned") and trial.last_epoch is None]


def _measured(trial: Trial, origin: StudyDir, objective: Objective) -> Trial:
    """Return a trial with what it says of this objective, which may be another than it was made for."""
    trial.history = history(origin.trial(trial.id), objective) or trial.history
    return trial
