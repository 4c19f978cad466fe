"""What predictions get right, class by class, beside what always guessing the commonest class would."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from cnnforge.evaluation.calibration import calibration
from cnnforge.evaluation.intervals import wilson_interval
from cnnforge.evaluation.predictions import Predictions
from cnnforge.evaluation.ranking import ranking

_TINY = 1e-7  # probabilities are clipped to this before their logarithm is taken, as Keras does


def measure(predictions: Predictions) -> dict[str, Any]:
    """Return the measures that ``evaluation.json`` holds; see ``docs/reference/run-directory.md``.

    Args:
        predictions: For one image at least.
    """
    labels, class_names = predictions.labels, predictions.class_names
    confusion = confusion_matrix(labels, predictions.predicted, labels=range(len(class_names)))
    num_right, num_images = int(np.trace(confusion)), len(labels)
    commonest = int(confusion.sum(axis=1).argmax())
    ranked = ranking(predictions)
    return {
        "split": predictions.split,
        "num_images": num_images,
        "class_names": list(class_names),
        "loss": cross_entropy(predictions.probabilities, labels),
        "accuracy": num_right / num_images,
        "accuracy_interval": list(wilson_interval(num_right, num_images)),
        "baseline_accuracy": int(confusion[commonest].sum()) / num_images,
        "baseline_class": class_names[commonest],
        "roc_auc": ranked.mean_roc_auc,
        "average_precision": ranked.mean_average_precision,
        **calibration(predictions),
        "confusion_matrix": confusion.tolist(),
        "per_class": [row | more for row, more in zip(per_class(predictions), ranked.per_class, strict=True)],
        "roc_curves": ranked.curves,
    }


def per_class(predictions: Predictions) -> list[dict[str, Any]]:
    """Return precision, recall and F1 of each class; a quotient with nothing below it is 0."""
    class_names = predictions.class_names
    columns = precision_recall_fscore_support(
        predictions.labels, predictions.predicted, labels=range(len(class_names)), zero_division=0
    )
    return [
        {"name": name, "precision": float(p), "recall": float(r), "f1": float(f1), "num_images": int(number)}
        for name, p, r, f1, number in zip(class_names, *columns, strict=True)
    ]


def cross_entropy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean negative logarithm of the probability given to the true class."""
    true = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.clip(true, _TINY, 1)).mean())
