"""The measures, each a function of predictions; and all that ``evaluation.json`` says of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix, f1_score, matthews_corrcoef, precision_recall_fscore_support, recall_score

from cnnforge.evaluation.calibration import calibration
from cnnforge.evaluation.intervals import mean_of_shares_interval, wilson_interval
from cnnforge.evaluation.measure_table import take_all
from cnnforge.evaluation.predictions import Predictions
from cnnforge.evaluation.ranking import ranking
from cnnforge.host import Registry

_TINY = 1e-7  # probabilities are clipped to this before their logarithm is taken, as Keras does


def measure(predictions: Predictions, registry: Registry) -> dict[str, Any]:
    """Return what ``evaluation.json`` holds; see ``docs/reference/run-directory.md``.

    Args:
        predictions: For one image at least.
        registry: The measures. One that fails is null, with a line in ``warnings``.
    """
    labels, class_names = predictions.labels, predictions.class_names
    confusion = confusion_matrix(labels, predictions.predicted, labels=range(len(class_names)))
    num_right, num_images = int(np.trace(confusion)), len(labels)
    commonest = int(confusion.sum(axis=1).argmax())
    ranked, calibrated = ranking(predictions), calibration(predictions)
    known = {
        "loss": loss(predictions),
        "accuracy": num_right / num_images,
        "roc_auc": ranked.mean_roc_auc,
        "average_precision": ranked.mean_average_precision,
        "expected_calibration_error": calibrated["expected_calibration_error"],
    }
    figures, warnings = take_all(predictions, registry, known)
    return {
        "split": predictions.split,
        "num_images": num_images,
        "class_names": list(class_names),
        "measures": figures,
        **known,
        "accuracy_interval": list(wilson_interval(num_right, num_images)),
        **class_intervals(confusion),
        "baseline_accuracy": int(confusion[commonest].sum()) / num_images,
        "baseline_class": class_names[commonest],
        "reliability": calibrated["reliability"],
        "confusion_matrix": confusion.tolist(),
        "per_class": [row | more for row, more in zip(per_class(predictions), ranked.per_class, strict=True)],
        "roc_curves": ranked.curves,
        "warnings": warnings,
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


def class_intervals(confusion: np.ndarray) -> dict[str, Any]:
    """Return the 95 % intervals of each class's recall and precision, None where it has none, and of the mean recall.

    Args:
        confusion: Number of images by label (rows) and answer (columns).
    """
    right, counts, answers = (numbers.tolist() for numbers in (np.diag(confusion), confusion.sum(1), confusion.sum(0)))
    recalls = [wilson_interval(*pair) if pair[1] else None for pair in zip(right, counts, strict=True)]
    precisions = [wilson_interval(*pair) if pair[1] else None for pair in zip(right, answers, strict=True)]
    shares = [of_class / number for of_class, number in zip(right, counts, strict=True) if number]
    return {
        "balanced_accuracy_interval": mean_of_shares_interval(shares, [found for found in recalls if found]),
        "recall_intervals": recalls,
        "precision_intervals": precisions,
    }


def loss(predictions: Predictions) -> float:
    """Return the mean negative logarithm of the probability given to the true class."""
    true = predictions.probabilities[np.arange(len(predictions.labels)), predictions.labels]
    return float(-np.log(np.clip(true, _TINY, 1)).mean())


def accuracy(predictions: Predictions) -> float:
    """Return the share of images whose most probable class is their label."""
    return int(np.sum(predictions.predicted == predictions.labels)) / len(predictions.labels)


def balanced_accuracy(predictions: Predictions) -> float:
    """Return the mean recall of the classes that there are images of (Brodersen et al. 2010).

    The balanced accuracy and its posterior distribution, ICPR 2010. 0 to 1; guessing gives one over the classes.
    """
    present = np.unique(predictions.labels)
    return float(recall_score(predictions.labels, predictions.predicted, labels=present, average="macro"))


def macro_f1(predictions: Predictions) -> float:
    """Return the mean F1 of the classes that are a label or an answer; 0 to 1 (Opitz & Burst 2019, arXiv:1911.03347).

    A class without a right answer has 0.
    """
    return float(f1_score(predictions.labels, predictions.predicted, average="macro", zero_division=0))


def matthews_correlation(predictions: Predictions) -> float:
    """Return the correlation of labels and answers, of any number of classes (Gorodkin 2004).

    Comparing two K-category assignments by a K-category correlation coefficient, Comput. Biol. Chem. 28. -1 to 1;
    0 for guessing, and where all labels or all answers are of one class.
    """
    if len(np.union1d(predictions.labels, predictions.predicted)) < 2:
        return 0.0  # scikit-learn says so too, with a warning
    return float(matthews_corrcoef(predictions.labels, predictions.predicted))


def brier_score(predictions: Predictions) -> float:
    """Return the mean squared distance of the probabilities of all classes from 1 for the true one and 0 for the rest.

    Brier 1950, Verification of forecasts expressed in terms of probability, Monthly Weather Review 78: summed over
    the classes, so 0 to 2, for two classes too.
    """
    truth = np.eye(len(predictions.class_names))[predictions.labels]
    return float(np.square(predictions.probabilities - truth).sum(axis=1).mean())


def roc_auc(predictions: Predictions) -> float | None:
    """Return the mean area under the ROC curve of each class against all others; 0 to 1, 0.5 for guessing."""
    return ranking(predictions).mean_roc_auc


def average_precision(predictions: Predictions) -> float | None:
    """Return the mean area under the curve of precision over recall of each class against all others; 0 to 1."""
    return ranking(predictions).mean_average_precision


def expected_calibration_error(predictions: Predictions) -> float:
    """Return the mean distance of what predictions say of themselves and how often they are right; 0 to 1."""
    return float(calibration(predictions)["expected_calibration_error"])
