"""Whether the best trials are better or were lucky: the best and the recipe itself, trained again on fresh seeds.

A search takes the highest of many noisy figures, so that figure is too high. What is reported of the winner comes from
trainings that the search did not choose among, on the split that it never saw.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from cnnforge.evaluation import difference_interval, mean_interval
from cnnforge.running import RunDir
from cnnforge_tuning import trial as trials
from cnnforge_tuning.pruning import history
from cnnforge_tuning.search import View, Workers
from cnnforge_tuning.space import Values, defaults, settings
from cnnforge_tuning.study import Study, Trial
from cnnforge_tuning.trial import Task

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A configuration on fresh seeds.

    ``name`` is the trial's, or ``default`` for the recipe's own. ``objective`` and ``accuracy`` have an entry for
    each seed: the best epoch's objective on the validation images, the accuracy on the split of ``[evaluation]``.
    """

    name: str
    values: Values
    seeds: list[int]
    objective: list[float]
    accuracy: list[float]
    num_failed: int

    def facts(self) -> dict[str, Any]:
        """Return it for JSON, with means and the interval of the accuracy."""
        return {
            **asdict(self),
            "settings": settings(self.values),
            "mean_objective": _mean(self.objective),
            "mean_accuracy": _mean(self.accuracy),
            "accuracy_interval": mean_interval(self.accuracy),
        }


def confirm(study: Study, workers: Workers, view: View) -> list[Confirmed]:
    """Train the best configurations and the recipe's own on fresh seeds; what is already trained is taken as it is.

    Returns:
        The configurations, the one with the best mean objective first; none if Ctrl-C was pressed.
    """
    tuning, first_seed = study.plan.tuning, study.base.training.seed + 1
    own = defaults(study.space)
    chosen = {trial.id: trial.settings for trial in study.distinct_ranking()[: tuning.confirm]}
    chosen = {name: v for name, v in chosen.items() if study.recipe_of(v) != study.base} | {DEFAULT: own}
    seeds = [first_seed + number for number in range(tuning.confirm_seeds)]
    view.say(f"Confirm  {len(chosen)} configurations on {len(seeds)} fresh seeds each, the recipe's own among them")
    runs = {(name, seed): _directory(study, name, seed) for name in chosen for seed in seeds}
    _train(study, {key: _task(study, chosen[key[0]], key[1], runs[key]) for key in runs}, workers, view)
    if workers.interrupt.is_requested:
        return []
    found = [_confirmed(study, name, values, {s: runs[name, s] for s in seeds}) for name, values in chosen.items()]
    found.sort(key=lambda c: _mean(c.objective) or study.objective.worst, reverse=study.objective.is_max)
    for directory in runs.values():
        if not directory.path.name.startswith(f"{found[0].name}-"):
            trials.remove_weights(directory)
    return found


def verdict(winner: Confirmed, default: Confirmed) -> str:
    """Return in a sentence whether the winner is better than the recipe as it was."""
    if winner.name == DEFAULT:
        return "No configuration that was confirmed is better than the recipe's own."
    found = difference_interval(winner.accuracy, default.accuracy)
    if found is None and min(len(winner.accuracy), len(default.accuracy)) > 1:
        points = 100 * (winner.accuracy[0] - default.accuracy[0])
        return (
            f"All its trainings came to one accuracy, as did the default's, {points:+.1f} points apart: figures that do"
            " not vary tell nothing of chance, so nobody can say whether it is better."
        )
    if found is None:
        return "With one seed each nobody can say whether it is better than the default: raise tuning.confirm_seeds."
    low, high = (f"{100 * value:+.1f}" for value in found)
    if found[0] > 0:
        return f"It is better than the default by {low} to {high} points of accuracy (95 % interval)."
    if found[1] < 0:
        return f"It is worse than the default by {low} to {high} points of accuracy: the search overfitted."
    return f"It is not distinguishable from the default: the difference is {low} to {high} points (95 % interval)."


def _train(study: Study, tasks: dict[tuple[str, int], Task], workers: Workers, view: View) -> None:
    left = [task for task in tasks.values() if not trials.is_finished(RunDir(task.directory))]
    pending: dict[Future[None], Trial] = {}
    by_name = {task.directory.name: task for task in tasks.values()}
    tried = Counter[str]()
    while left or pending:
        while left and len(pending) < workers.number and not workers.interrupt.is_requested:
            task = left.pop(0)
            pending[workers.submit(task)] = Trial(task.directory.name, {})
        if not pending:
            return
        for future in workers.wait(pending):
            name = pending.pop(future).id
            if future.cancelled() or workers.interrupt.is_requested:
                continue
            outcome = trials.outcome(RunDir(by_name[name].directory), study.objective, future.exception())
            tried[name] += 1
            if outcome.kind == "killed" and tried[name] == 1:
                left.append(by_name[name])
            elif outcome.status == "failed":
                view.warn(f"{name} failed: {outcome.reason}")
        view.update(study, list(pending.values()), None, 0.0)


def _directory(study: Study, name: str, seed: int) -> RunDir:
    return RunDir(study.directory.confirmation / f"{name}-seed-{seed}")


def _task(study: Study, values: Values, seed: int, directory: RunDir) -> Task:
    recipe = study.recipe_of(values)
    training = recipe.training.model_copy(update={"seed": seed})
    text = recipe.model_copy(update={"training": training}).to_toml()
    path = directory.path.absolute()
    return Task(path, text, study.objective, time_limit_seconds=study.plan.tuning.trial_time_limit_seconds)


def _confirmed(study: Study, name: str, values: Values, runs: dict[int, RunDir]) -> Confirmed:
    done = {seed: directory for seed, directory in runs.items() if trials.is_finished(directory)}
    return Confirmed(
        name,
        dict(values),
        list(done),
        [study.objective.best(history(directory, study.objective)) for directory in done.values()],
        [directory.read_evaluation()["accuracy"] for directory in done.values()],
        len(runs) - len(done),
    )


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
