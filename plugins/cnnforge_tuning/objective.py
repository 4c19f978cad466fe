"""What a search optimises: a metric of an epoch, and which direction is better."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cnnforge.errors import RecipeError
from cnnforge.host import MeasureSpec, Registry
from cnnforge_tuning.settings import TuningOptions

_MIN = ("loss", "error", "crossentropy", "divergence", "hinge", "false_positives", "false_negatives")
_MAX = ("acc", "auc", "precision", "recall", "f1_score", "iou", "r2_score", "true_", "sensitivity", "specif")

_OF_TRAINING = ("accuracy", "loss")  # what Keras measures while it trains has these names too, and had them first


@dataclass(frozen=True, slots=True)
class Objective:
    """A metric as ``metrics.jsonl`` names it; a trial counts the best of its epochs."""

    name: str
    is_max: bool

    @property
    def direction(self) -> str:
        """``"max"`` or ``"min"``, as Keras Tuner says it."""
        return "max" if self.is_max else "min"

    def better(self, first: float, second: float) -> bool:
        """Return whether the first value is better."""
        return first > second if self.is_max else first < second

    def best(self, values: Sequence[float]) -> float:
        """Return the best of some values, at least one; those that are not finite are never the best."""
        finite = [value for value in values if math.isfinite(value)]
        if not finite:
            return self.worst
        return max(finite) if self.is_max else min(finite)

    @property
    def worst(self) -> float:
        """What every value is better than."""
        return -math.inf if self.is_max else math.inf


def objective_of(tuning: TuningOptions, registry: Registry) -> Objective:
    """Return the objective of a recipe.

    The name of a measure stands for that of the validation images. ``direction="auto"`` goes by the table of
    measures, and for a metric of Keras by its name.

    Raises:
        RecipeError: The name does not tell the direction, or ``direction`` contradicts it.
        NameConflictError: Several plugins bring the measure.
    """
    name, measure = tuning.objective, measure_of(tuning, registry)
    if measure is not None and name not in _OF_TRAINING:
        name = f"val_{measure.name}"
    if measure is not None and tuning.direction == ("min" if measure.better == "higher" else "max"):
        raise RecipeError(
            f"expected the better direction of {name}, of which a {measure.better} one is better, received"
            f" tuning.direction={tuning.direction}",
            hint="leave it to the table of measures: --set tuning.direction=auto",
        )
    if tuning.direction != "auto":
        return Objective(name, tuning.direction == "max")
    if measure is not None:
        return Objective(name, measure.better == "higher")
    metric = name.removeprefix("val_").lower()
    if any(word in metric for word in _MIN):
        return Objective(name, is_max=False)
    if any(word in metric for word in _MAX):
        return Objective(name, is_max=True)
    raise RecipeError(
        f"expected to know whether a higher tuning.objective={name} is better",
        hint="say so: --set tuning.direction=max, or min",
    )


def measure_of(tuning: TuningOptions, registry: Registry) -> MeasureSpec | None:
    """Return the measure that is optimised; None: it is no measure but a metric of Keras.

    Raises:
        NameConflictError: Several plugins bring it.
    """
    catalogue, name = registry.catalogue(MeasureSpec), tuning.objective.removeprefix("val_")
    return catalogue.get(name).spec if name in catalogue.entries else None
