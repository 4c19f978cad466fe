"""The contract of search algorithms, to subclass."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from cnnforge.host import Choice, Entry, FloatRange, IntRange, SearchAlgorithmSpec, import_deferred
from cnnforge.testing import PluginContract, fail
from cnnforge_tuning.objective import Objective
from cnnforge_tuning.oracle import ROUND, Oracle
from cnnforge_tuning.space import Condition, Hyperparameter, is_inside

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
            if (found := again.ask("w")[1]) != asked[number]:
                fail(
                    f"after {number} trials it proposed {asked[number]}, made again from them {found}",
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
    found: list[dict[str, Any]] = []
    while len(found) < number:
        state, values = oracle.ask("w")
        if values is None:
            if state != "STOPPED":
                fail(f"it says {state} while no trial runs", "answer RUNNING with values, or STOPPED")
            break
        found.append(dict(values))
        oracle.tell("w", [_score(found[-1])])
    return found


def _score(values: dict[str, Any]) -> float:
    return float(1 - values.get("training.learning_rate", 0.0) - values["training.batch_size"] / 100)
