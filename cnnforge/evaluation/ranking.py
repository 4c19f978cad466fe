"""How well probabilities tell the images of a class from the others, wherever the line between them is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import auc, average_precision_score, roc_curve

from cnnforge.evaluation.predictions import Predictions

MAX_CURVE_POINTS = 101
"""Points kept of an ROC curve; more are not seen in a chart."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """ROC curves and what is measured on them, each class against all others.

    Args:
        per_class: For each class ``roc_auc`` and ``average_precision``, None where all images or none are of it.
        curves: For each class that has them ``name`` and the points ``false_positive_rate``, ``true_positive_rate``;
            of two classes the second only, since the curve of the first is the same turned around.
    """

    per_class: list[dict[str, float | None]]
    curves: list[dict[str, Any]]

    @property
    def mean_roc_auc(self) -> float | None:
        """The mean area over the classes that have one."""
        return self._mean("roc_auc")

    @property
    def mean_average_precision(self) -> float | None:
        """The mean average precision over the classes that have one."""
        return self._mean("average_precision")

    def _mean(self, key: str) -> float | None:
        found = [value for row in self.per_class if (value := row[key]) is not None]
        return float(np.mean(found)) if found else None


def ranking(predictions: Predictions) -> Ranking:
    """Return the ROC curve, its area and the average precision of each class against all others."""
    found = [_of_class(predictions, label) for label in range(len(predictions.class_names))]
    drawn = found[1:] if len(found) == 2 else found
    return Ranking([measures for measures, _ in found], [curve for _, curve in drawn if curve])


def _of_class(predictions: Predictions, label: int) -> tuple[dict[str, float | None], dict[str, Any] | None]:
    """Return the measures of a class, and its curve."""
    is_class, scores = predictions.labels == label, predictions.probabilities[:, label]
    if is_class.all() or not is_class.any():
        return {"roc_auc": None, "average_precision": None}, None
    false_rate, true_rate, _ = roc_curve(is_class, scores)
    kept = _evenly(len(false_rate))
    curve = {
        "name": predictions.class_names[label],
        "false_positive_rate": np.round(false_rate[kept], 5).tolist(),
        "true_positive_rate": np.round(true_rate[kept], 5).tolist(),
    }
    precision = float(average_precision_score(is_class, scores))
    return {"roc_auc": float(auc(false_rate, true_rate)), "average_precision": precision}, curve


def _evenly(num_points: int) -> np.ndarray:
    """Return the positions of the points to keep, the first and the last among them."""
    return np.unique(np.linspace(0, num_points - 1, min(num_points, MAX_CURVE_POINTS)).round().astype(int))
