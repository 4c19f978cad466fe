"""Averages of the weights: where the optimizer keeps them (``use_ema``), they are validated, kept and tested.

Keras by itself validates and saves the weights of the last step, and ``SwapEMAWeights`` as it comes validates the
averages but leaves the others to be saved. Here what was validated is what is kept (decision 43).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from cnnforge.errors import RecipeError


class _SwapAverages(keras.callbacks.SwapEMAWeights):  # type: ignore[misc]
    """Averages in place from each validation to the beginning of the next epoch."""

    def __init__(self) -> None:
        super().__init__(swap_on_epoch=True)

    def set_params(self, params: dict[str, Any]) -> None:
        # After the last epoch Keras would let go of the weights that train; a checkpoint must keep them.
        super().set_params({**params, "epochs": 0})


def with_averages(
    model: keras.Model, callbacks: Sequence[keras.callbacks.Callback]
) -> tuple[list[keras.callbacks.Callback], list[keras.callbacks.Callback]]:
    """Return what must come before the callbacks of a run, and which of the given ones come after them.

    Args:
        model: Compiled.
        callbacks: The recipe's and the plugins'; where the optimizer keeps averages, a ``SwapEMAWeights`` among them
            has nothing left to do, and is left out.

    Raises:
        RecipeError: There is a ``SwapEMAWeights``, and the optimizer keeps no averages.
    """
    others = [callback for callback in callbacks if not isinstance(callback, keras.callbacks.SwapEMAWeights)]
    if getattr(model.optimizer, "use_ema", False):
        return [_SwapAverages()], others
    if len(others) < len(callbacks):
        raise RecipeError(
            "training.callbacks: expected SwapEMAWeights only beside an optimizer that averages the weights, received"
            f" {type(model.optimizer).__name__} without use_ema",
            hint='say so in the recipe: optimizer = { name = "…", use_ema = true }',
        )
    return [], others
