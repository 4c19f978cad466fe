"""Keras Tuner's oracles as search algorithms; each function is all that one more takes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from cnnforge.errors import RecipeError

if TYPE_CHECKING:
    from keras_tuner import Oracle

_FACTOR = 3  # by which Keras Tuner's Hyperband reduces


def random(*, epochs: int, **arguments: Any) -> Oracle:  # noqa: ARG001 - it divides no epochs
    """Return the oracle that draws at random."""
    from keras_tuner.oracles import RandomSearchOracle

    return RandomSearchOracle(**arguments, max_trials=None)


def bayesian(*, epochs: int, **arguments: Any) -> Oracle:  # noqa: ARG001
    """Return the oracle that asks a Gaussian process."""
    from keras_tuner.oracles import BayesianOptimizationOracle

    return BayesianOptimizationOracle(**arguments, max_trials=None)


def grid(*, epochs: int, **arguments: Any) -> Oracle:  # noqa: ARG001
    """Return the oracle that goes through the space."""
    from keras_tuner.oracles import GridSearchOracle

    return GridSearchOracle(**arguments, max_trials=None)


def hyperband(*, epochs: int, **arguments: Any) -> Oracle:
    """Return the oracle that divides the epochs among rounds."""
    from keras_tuner.oracles import HyperbandOracle

    return HyperbandOracle(**arguments, max_epochs=epochs)


def hyperband_rounds(epochs: int, num_configurations: int | None) -> int:
    """Return how many trials Hyperband makes.

    Args:
        epochs: Of a whole training.
        num_configurations: In the space; None: a continuum.

    Raises:
        RecipeError: The space is too small for its first rounds.
    """
    brackets = range(int(math.log(epochs, _FACTOR) + 1e-9) + 1)
    needed = sum(_size(epochs, bracket, 0) for bracket in brackets)
    if num_configurations is not None and num_configurations < needed:
        raise RecipeError(
            f"expected at least {needed} configurations for hyperband with training.epochs={epochs},"
            f" received a space of {num_configurations}",
            hint="widen the space, train for fewer epochs, or take --algorithm grid",
        )
    return sum(_size(epochs, bracket, done) for bracket in brackets for done in range(bracket + 1))


def _size(max_epochs: int, bracket: int, round_number: int) -> int:
    """Return how many trials Keras Tuner's Hyperband makes in a round of a bracket."""
    end_size = math.ceil(1 + math.log(max_epochs, _FACTOR))
    return math.ceil(end_size / (bracket + 1) * math.pow(_FACTOR, bracket - round_number))
