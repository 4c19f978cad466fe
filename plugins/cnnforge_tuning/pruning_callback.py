"""The callback that ends a trial early."""

from __future__ import annotations

from typing import Any

import keras

from cnnforge.running import Run
from cnnforge_tuning.objective import Objective
from cnnforge_tuning.pruning import RULES, histories


class Pruning(keras.callbacks.Callback):  # type: ignore[misc]
    """Ends a trial after an epoch when its rule says so, or when it has trained as long as it was to.

    What it decides stands in ``run.json``: ``pruned`` has the epoch and the rule.

    Args:
        run: The trial's run.
        objective: What the rules compare.
        rule: A name in ``RULES``, or ``none``.
        last_epoch: Where a round of Hyperband ends; None trains all epochs.
    """

    def __init__(self, run: Run, objective: Objective, rule: str, last_epoch: int | None) -> None:
        super().__init__()
        self._run = run
        self._objective = objective
        self._rule = rule
        self._last_epoch = last_epoch

    def get_state(self) -> dict[str, Any]:
        """Return nothing: all it needs is in files."""
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take nothing over."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        done, directory = epoch + 1, self._run.directory
        if done == self._last_epoch:
            self.model.stop_training = True
        elif done < self._run.resolved.recipe.training.epochs and self._rule in RULES:
            found = histories(directory.path.parent, self._objective)
            own = found.pop(directory.path.name, [])
            if RULES[self._rule](own[:done], list(found.values()), self._objective):
                directory.update_run(pruned={"epoch": done, "rule": self._rule})
                self.model.stop_training = True
