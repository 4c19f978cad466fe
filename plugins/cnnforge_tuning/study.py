"""A study: its trials as the journal tells them, and the oracle that the journal rebuilds."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cnnforge.recipe import Recipe
from cnnforge_tuning import space as spaces
from cnnforge_tuning.journal import Journal
from cnnforge_tuning.oracle import ROUND, Oracle
from cnnforge_tuning.plan import Plan
from cnnforge_tuning.space import Values
from cnnforge_tuning.study_dir import StudyDir
from cnnforge_tuning.trial import Outcome

_RETRIED = ("killed",)  # what may go otherwise the next time


@dataclass(slots=True)
class Trial:
    """A trial: what was asked for and, once it is over, what came of it.

    ``status`` is ``asked``, ``finished``, ``pruned`` or ``failed``; ``values`` has what an algorithm with rounds adds,
    as ``tuner/…``. ``origin`` names the study that a trial was taken over from.
    """

    id: str
    values: Values
    status: str = "asked"
    num_retries: int = 0
    history: list[float] = field(default_factory=list)
    kind: str = ""
    reason: str = ""
    cause: str = ""
    seconds: float = 0.0
    origin: str = ""

    @property
    def settings(self) -> dict[str, Any]:
        """The values without those that an algorithm with rounds adds."""
        return {name: value for name, value in self.values.items() if not name.startswith(ROUND)}

    @property
    def last_epoch(self) -> int | None:
        """Where a round ends; None trains all epochs."""
        return self.values.get(f"{ROUND}epochs")

    @property
    def continues(self) -> str | None:
        """The trial of the round before, if this one goes on from it."""
        return self.values.get(f"{ROUND}trial_id")

    @property
    def is_over(self) -> bool:
        """Whether it has been told what came of it."""
        return self.status != "asked"


class Study:
    """The trials of a study.

    Args:
        directory: Its folder; the journal in it is read, and every change written to it first.
        plan: What is searched.
    """

    def __init__(self, directory: StudyDir, plan: Plan) -> None:
        self.directory = directory
        self.plan = plan
        self.base = plan.recipe
        self.space = plan.space
        self.objective = plan.objective
        self.trials: dict[str, Trial] = {}
        self._journal = Journal(directory.journal)
        self._oracle = Oracle(
            plan.algorithm,
            plan.objective,
            plan.space,
            seed=plan.tuning.seed,
            epochs=plan.recipe.training.epochs,
            folder=directory.keras_tuner,
        )
        for event in self._journal.read():
            self._apply(event, is_replay=True)

    def next_trial(self) -> Trial | str:
        """Return a new trial, or ``"IDLE"`` while the oracle waits for others, or ``"STOPPED"``."""
        trial_id = f"{len(self.trials):04}"
        state, values = self._oracle.ask(trial_id)
        if values is None:
            return state
        self._apply(self._journal.append("ask", trial=trial_id, values=dict(values), time=time.time()))
        return self.trials[trial_id]

    def conclude(self, trial: Trial, outcome: Outcome, seconds: float) -> bool:
        """Note what came of a trial; return whether it is to be tried again instead."""
        if outcome.kind in _RETRIED and not trial.num_retries:
            self._apply(self._journal.append("retry", trial=trial.id, kind=outcome.kind, reason=outcome.reason))
            return True
        facts = {name: getattr(outcome, name) for name in ("status", "history", "kind", "reason", "cause")}
        self._apply(self._journal.append("tell", trial=trial.id, **facts, seconds=round(seconds, 3), time=time.time()))
        return False

    def take_over(self, trial: Trial, origin: str) -> None:
        """Add a finished trial of another study, as if it had been asked for here."""
        facts = {"values": dict(trial.values), "status": trial.status, "history": trial.history}
        event = self._journal.append(
            "take over", trial=f"{len(self.trials):04}", **facts, seconds=trial.seconds, origin=f"{origin}/{trial.id}"
        )
        self._apply(event)

    def score(self, trial: Trial) -> float:
        """Return the best objective of a trial; the worst there can be if it has none."""
        return self.objective.best(trial.history) if trial.status in ("finished", "pruned") else self.objective.worst

    def ranking(self) -> list[Trial]:
        """Return the trials with a score, the best first; of equals the earlier."""
        scored = [trial for trial in self.trials.values() if self.score(trial) != self.objective.worst]
        return sorted(scored, key=self.score, reverse=self.objective.is_max)

    def distinct_ranking(self) -> list[Trial]:
        """Return the ranking with each configuration once: algorithms with rounds train one in several trials."""
        best: dict[str, Trial] = {}
        for trial in self.ranking():
            best.setdefault(repr(sorted(trial.settings.items())), trial)
        return list(best.values())

    def recipe_of(self, values: Values) -> Recipe:
        """Return the recipe of a trial with these values."""
        return spaces.recipe_of(self.base, self.space, values)

    def _apply(self, event: dict[str, Any], *, is_replay: bool = False) -> None:
        trial = apply(self.trials, event)
        if event["event"] == "take over" or (event["event"] == "ask" and is_replay):
            self._oracle.repeat(trial.id, trial.values)
        if trial.is_over and event["event"] != "retry":
            self._oracle.tell(trial.id, trial.history if trial.status != "failed" else [])


def trials_of(events: Sequence[Mapping[str, Any]]) -> dict[str, Trial]:
    """Return the trials that a journal tells of, by their ids."""
    trials: dict[str, Trial] = {}
    for event in events:
        apply(trials, event)
    return trials


def apply(trials: dict[str, Trial], event: Mapping[str, Any]) -> Trial:
    """Change the trials by an event of the journal; return the trial it is of."""
    trial = trials.setdefault(event["trial"], Trial(event["trial"], event.get("values", {})))
    if event["event"] == "retry":
        trial.num_retries += 1
    for name in ("status", "history", "kind", "reason", "cause", "seconds", "origin"):
        if event["event"] != "retry" and name in event:
            setattr(trial, name, event[name])
    return trial
