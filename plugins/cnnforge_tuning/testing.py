"""The contracts of search algorithms and of executors, to subclass."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, ClassVar

import pytest

from cnnforge.host import Choice, Entry, ExecutorSpec, FloatRange, IntRange, SearchAlgorithmSpec, import_deferred
from cnnforge.testing import PluginContract, fail, plugin_checks
from cnnforge_tuning.objective import Objective
from cnnforge_tuning.oracle import ROUND, Oracle
from cnnforge_tuning.space import Condition, Hyperparameter, is_inside

_SECONDS = 300
_EPOCHS = 9
_NUM_TRIALS = 12
_SPACE = (
    Hyperparameter("architecture.head", Choice(("flat", "dense")), "flat"),
    Hyperparameter("architecture.units", IntRange(8, 64, 8), 16, (Condition("architecture.head", ("dense",)),)),
    Hyperparameter("training.learning_rate", FloatRange(1e-4, 1e-1, log=True), 1e-2),
    Hyperparameter("training.batch_size", Choice((16, 32, 64)), 32),
)
_SMALL = (Hyperparameter("training.batch_size", Choice((16, 32, 64)), 32),)


class SearchAlgorithmContract(PluginContract):
    """What every search algorithm must keep. Subclass it in a class whose name starts with ``Test``, and set ``spec``.

    Attributes:
        spec: The search algorithm, as the plugin's hook returns it.
    """

    spec: ClassVar[SearchAlgorithmSpec]

    def oracle(self, folder: Path, space: Sequence[Hyperparameter] = _SPACE) -> Oracle:
        """Return the oracle as a study makes it."""
        entry = Entry(self.spec, "the plugin under test")
        objective = Objective("val_accuracy", is_max=True)
        return Oracle(entry, objective, space, seed=0, epochs=_EPOCHS, folder=folder)

    def test_proposes_values_inside_the_space(self, tmp_path: Path) -> None:
        for values in _asked(self.oracle(tmp_path / "kt"), _NUM_TRIALS):
            own = {name: value for name, value in values.items() if not name.startswith(ROUND)}
            if not is_inside(_SPACE, own):
                fail(
                    f"{own} is outside the space",
                    "propose for each of `hyperparameters.space` that is active a value of its range",
                )

    def test_made_again_from_its_trials_it_goes_on_the_same(self, tmp_path: Path) -> None:
        asked = _asked(self.oracle(tmp_path / "whole"), _NUM_TRIALS)
        for number in (1, len(asked) // 2, len(asked) - 1):
            again = self.oracle(tmp_path / f"after-{number}")
            for values in asked[:number]:
                again.repeat("w", values)
                again.tell("w", [_score(values)])
            if (proposed := again.ask("w")[1]) != asked[number]:
                fail(
                    f"after {number} trials it proposed {asked[number]}, made again from them {proposed}",
                    "let what it proposes follow from the seed, the trials and the oracle's own random state alone",
                )

    def test_a_failed_trial_ends_nothing(self, tmp_path: Path) -> None:
        oracle = self.oracle(tmp_path / "kt")
        for number in range(_NUM_TRIALS // 2):
            state, _ = oracle.ask("w")
            if state != "RUNNING":
                fail(f"after {number} failed trials it says {state}", "propose another configuration")
            oracle.tell("w", [])

    def test_a_space_that_is_used_up_does_no_harm(self, tmp_path: Path) -> None:
        if self.spec.rounds is None:
            _asked(self.oracle(tmp_path / "kt", _SMALL), 2 * len(_SMALL[0].space.corners()))

    def test_makes_as_many_trials_as_its_rounds_say(self, tmp_path: Path) -> None:
        if self.spec.rounds is None:
            pytest.skip("the recipe says how many trials there are")
        expected = import_deferred(self.spec.rounds, self.spec.name)(_EPOCHS, None)
        number = len(_asked(self.oracle(tmp_path / "kt"), expected + 1))
        if number != expected:
            fail(f"it makes {number} trials or more, its rounds say {expected}", "mend the function `rounds`")


def _asked(oracle: Oracle, number: int) -> list[dict[str, Any]]:
    """Return what an oracle proposes, told of each trial what it came to, until it has had enough."""
    proposed: list[dict[str, Any]] = []
    while len(proposed) < number:
        state, values = oracle.ask("w")
        if values is None:
            if state != "STOPPED":
                fail(f"it says {state} while no trial runs", "answer RUNNING with values, or STOPPED")
            break
        proposed.append(dict(values))
        oracle.tell("w", [_score(proposed[-1])])
    return proposed


def _score(values: dict[str, Any]) -> float:
    return float(1 - values.get("training.learning_rate", 0.0) - values["training.batch_size"] / 100)


class ExecutorContract(PluginContract):
    """What every executor must keep. Subclass it in a class whose name starts with ``Test``, and set ``spec``.

    Attributes:
        spec: The executor, as the plugin's hook returns it.
        options: Options, as a recipe would write them, with which it starts on this machine; {} by default.
    """

    spec: ClassVar[ExecutorSpec]
    options: ClassVar[dict[str, Any]] = {}

    @pytest.fixture
    def executor(self, tmp_path: Path) -> Iterator[Executor]:
        """Return the executor, started; it is shut down after the test."""
        start = import_deferred(self.spec.start, f"executor {self.spec.name!r}")
        with start(plugin_checks.restored(self.spec.options, self.options), directory=tmp_path) as started:
            yield started

    def test_returns_what_a_task_returns(self, executor: Executor) -> None:
        pid, result = executor.submit(_double, 21, addend=1).result(_SECONDS)
        if result != 43:
            fail(f"2 * 21 + 1 is {result}", "call the function with all arguments")
        if pid == os.getpid():
            fail("the task ran in this process", "run tasks in processes of their own: one that dies must end no other")

    def test_raises_what_a_task_raises(self, executor: Executor) -> None:
        error = executor.submit(_refuse).exception(_SECONDS)
        if not isinstance(error, ValueError) or str(error) != "no":
            fail(f"a task raises ValueError('no'), its future {error!r}", "see cnnforge.system.attempt")

    def test_a_task_whose_process_dies_is_said_to_be_killed(self, executor: Executor) -> None:
        error = executor.submit(_die).exception(_SECONDS)
        if getattr(error, "kind", "") != "killed":
            fail(f"the process of a task is killed, and its future raises {error!r}", 'set its `kind` to "killed"')
        self.test_returns_what_a_task_returns(executor)

    def test_shutting_down_asks_running_tasks_to_stop(self, executor: Executor, tmp_path: Path) -> None:
        note = tmp_path / "note.txt"
        executor.submit(_wait_for_ctrl_c, str(note))
        deadline = time.monotonic() + _SECONDS
        while not note.exists():
            if time.monotonic() > deadline:
                fail(f"a task does not see {tmp_path}, or did not start", "let every worker see the study's directory")
            time.sleep(0.02)
        executor.shutdown(wait=True, cancel_futures=True)
        if note.read_text(encoding="utf-8") != "stopped":
            fail(
                "a running task is not asked to stop when the executor is shut down with cancel_futures=True",
                "raise KeyboardInterrupt in it, as Ctrl-C does, and wait for it: a trial saves what it has",
            )


def _double(number: int, *, addend: int) -> tuple[int, int]:
    return os.getpid(), 2 * number + addend


def _refuse() -> None:
    raise ValueError("no")


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _wait_for_ctrl_c(note: str) -> None:
    path = Path(note)
    path.touch()
    try:
        time.sleep(_SECONDS)
    except KeyboardInterrupt:
        path.write_text("stopped", encoding="utf-8")
