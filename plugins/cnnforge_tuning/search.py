"""The search: asks the oracle, hands trials to the executor, notes what came of them; whatever happens to a trial."""

from __future__ import annotations

import shutil
import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field
from typing import Any, Protocol

from cnnforge.errors import TrainingError
from cnnforge.system import Interrupt, read_lines
from cnnforge_tuning import trial as trials
from cnnforge_tuning.study import Study, Trial
from cnnforge_tuning.study_dir import StudyDir
from cnnforge_tuning.trial import Outcome, Task, run_trial

_POLL_SECONDS = 0.5  # between two looks at the clock and at Ctrl-C
_SAME_FAILURES = 3  # of the first trials: then the fault is in the recipe, not in a trial
_NOT_METRICS = ("epoch", "seconds", "training_seconds", "waiting_seconds", "images_per_second")


class View(Protocol):
    """What shows a person how a study goes; the command line implements it."""

    def say(self, text: str) -> None:
        """Show a line."""
        ...

    def warn(self, text: str) -> None:
        """Show a line that must not be overlooked."""
        ...

    def trial_ended(self, study: Study, trial: Trial) -> None:
        """Show what came of a trial."""
        ...

    def update(self, study: Study, running: Sequence[Trial], num_trials: int | None, seconds_left: float) -> None:
        """Show where the search stands; asked every half second."""
        ...


@dataclass(slots=True)
class Workers:
    """The executor, how many tasks it runs at a time, and what asks it to stop."""

    executor: Executor
    number: int
    interrupt: Interrupt
    _is_stopping: bool = False

    def submit(self, task: Task) -> Future[None]:
        """Start a trial."""
        return self.executor.submit(run_trial, task)

    def wait(self, pending: dict[Future[None], Trial]) -> list[Future[None]]:
        """Return the futures that are done, in order, after at most half a second; pass Ctrl-C on to the tasks."""
        if self.interrupt.is_requested and not self._is_stopping:
            self._is_stopping = True
            self.executor.shutdown(wait=False, cancel_futures=True)
        done = wait(pending, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED).done
        return sorted(done, key=lambda future: pending[future].id)


@dataclass(slots=True)
class Search:
    """The state of a search in this process.

    Args:
        study: What is known.
        workers: Where trials run.
        view: Told how it goes.
        deadline: When no new trial is started, by ``time.monotonic``.
        first_guess: Seconds of a trial, before any has ended.
    """

    study: Study
    workers: Workers
    view: View
    deadline: float
    first_guess: float = 0.0
    _pending: dict[Future[None], Trial] = field(default_factory=dict)
    _started: dict[str, float] = field(default_factory=dict)
    _is_exhausted: bool = False

    def run(self) -> None:
        """Search until all trials are over, the space is exhausted, the time is up or Ctrl-C was pressed.

        Raises:
            TrainingError: The first trials all fail for the same reason, or none has a score.
        """
        waiting = deque(trial for trial in self.study.trials.values() if not trial.is_over)
        while True:
            self._start(waiting)
            if not self._pending:
                break
            for future in self.workers.wait(self._pending):
                self._end(future, waiting)
            self.view.update(self.study, [*self._pending.values()], self.num_trials, self._seconds_left())
        self._remove_weights(is_over=True)
        if not self.workers.interrupt.is_requested and not self.study.ranking():
            raise _hopeless(list(self.study.trials.values()))

    @property
    def num_trials(self) -> int | None:
        """How many trials there are to be; None: the oracle decides."""
        return None if self.study.plan.has_rounds else self.study.plan.num_trials

    def _start(self, waiting: deque[Trial]) -> None:
        while len(self._pending) < self.workers.number and not self.workers.interrupt.is_requested:
            trial = waiting.popleft() if waiting else self._next()
            if trial is None:
                return
            self._started[trial.id] = time.monotonic()
            directory = self.study.directory.trial(trial.id)
            if trials.is_finished(directory):  # ended after the study was killed, or just before
                self._conclude(trial, trials.outcome(directory, self.study.objective, None), waiting)
            else:
                self._pending[self.workers.submit(_task(self.study, trial))] = trial

    def _next(self) -> Trial | None:
        num_trials = self.num_trials
        is_enough = num_trials is not None and len(self.study.trials) >= num_trials
        if is_enough or self._is_exhausted or time.monotonic() > self.deadline:
            return None
        found = self.study.next_trial()
        if isinstance(found, Trial):
            return found
        self._is_exhausted = found == "STOPPED"
        if self._is_exhausted and num_trials is not None:
            self.view.say(f"The space is exhausted: no configuration is left to try after {len(self.study.trials)}")
        return None

    def _end(self, future: Future[None], waiting: deque[Trial]) -> None:
        trial = self._pending.pop(future)
        if future.cancelled():
            return
        outcome = trials.outcome(self.study.directory.trial(trial.id), self.study.objective, future.exception())
        is_stopped = self.workers.interrupt.is_requested and outcome.status == "failed"
        if outcome.status != "interrupted" and not is_stopped:
            self._conclude(trial, outcome, waiting)

    def _conclude(self, trial: Trial, outcome: Outcome, waiting: deque[Trial]) -> None:
        if self.study.conclude(trial, outcome, time.monotonic() - self._started[trial.id]):
            self.view.warn(f"Trial {trial.id} {outcome.reason}; trying once more")
            waiting.append(trial)
            return
        log_trial(self.study.directory, trial)
        self.view.trial_ended(self.study, trial)
        over = [t for t in self.study.trials.values() if t.is_over]
        if len(over) == _SAME_FAILURES and len({(t.status, t.kind) for t in over}) == 1 and trial.status == "failed":
            raise _hopeless(over)
        self._remove_weights()

    def _remove_weights(self, *, is_over: bool = False) -> None:
        """Delete the weights of all trials but the best; while there are rounds, they are gone on from."""
        if self.study.plan.has_rounds and not is_over:
            return
        kept = {trial.id for trial in self.study.ranking()[: self.study.plan.tuning.keep]}
        for trial in self.study.trials.values():
            if trial.is_over and trial.id not in kept:
                trials.remove_weights(self.study.directory.trial(trial.id))

    def _seconds_left(self) -> float:
        """Return about how long the search goes on."""
        over = [trial.seconds for trial in self.study.trials.values() if trial.seconds]
        each = sum(over) / len(over) if over else self.first_guess
        unstarted = max(0, (self.num_trials or len(self.study.trials)) - len(self.study.trials))
        running = [max(0.0, each - (time.monotonic() - self._started[t.id])) for t in self._pending.values()]
        left = (each * unstarted + sum(running)) / self.workers.number
        return min(left, max(0.0, self.deadline - time.monotonic()) + each)


def _task(study: Study, trial: Trial) -> Task:
    tuning = study.plan.tuning
    recipe = study.recipe_of(trial.settings)
    measured = recipe.evaluation.model_copy(update={"split": "validation", "num_mistakes": 0})
    return Task(
        study.directory.trial(trial.id).path.absolute(),  # a worker may have another current folder
        recipe.model_copy(update={"evaluation": measured}).to_toml(),
        study.objective,
        tuning.pruning,
        trial.last_epoch,
        study.directory.trial(trial.continues).path.absolute() if trial.continues else None,
        tuning.trial_time_limit_seconds,
    )


def _hopeless(over: Sequence[Trial]) -> TrainingError:
    first = over[0] if over else None
    if first is None:
        return TrainingError("expected at least one trial, received none: the time limit was too short")
    what = f"the first {len(over)} trials all failed" if len(over) > 1 else "the only trial failed"
    return TrainingError(f"{what}: {first.reason}\n{first.cause}".rstrip(), hint="the study goes on when it is mended")


def log_trial(directory: StudyDir, trial: Trial) -> None:
    """Write the log of a trial that is over: ``tensorboard --logdir STUDY/tensorboard`` shows it."""
    # Here, since it imports TensorFlow, whose start-up messages the import of Keras Tuner has caught by now.
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import api_pb2, summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    folder = directory.tensorboard / trial.id
    shutil.rmtree(folder, ignore_errors=True)  # of a trial whose end was noted twice, because of a kill between
    is_good = trial.status in ("finished", "pruned")
    end = summary.session_end_pb(api_pb2.STATUS_SUCCESS if is_good else api_pb2.STATUS_FAILURE)
    writer = EventFileWriter(str(folder))
    writer.add_event(_event(0, summary.session_start_pb(_plain(trial.settings), group_name=trial.id)))
    for line in read_lines(directory.trial(trial.id).metrics):
        values = [Summary.Value(tag=k, simple_value=v) for k, v in line.items() if k not in _NOT_METRICS]
        writer.add_event(_event(line["epoch"], Summary(value=values)))
    writer.add_event(_event(0, end))
    writer.close()


def _event(step: int, content: Any) -> Any:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    return Event(step=step, summary=Summary.FromString(content.SerializeToString()))


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value if isinstance(value, bool | int | float) else str(value) for name, value in values.items()}
