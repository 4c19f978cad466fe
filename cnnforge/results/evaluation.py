"""What a trained model gets right, class by class, beside what always guessing the commonest class would."""

from __future__ import annotations

import csv
import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from cnnforge import files
from cnnforge.data.feed import Feed
from cnnforge.results.predictor import Predictor
from cnnforge.run_dir import RunDir

_CONFIDENCE = 1.959964  # of the normal distribution, for an interval of 95 %
_TINY = 1e-7  # probabilities are clipped to this before their logarithm is taken, as Keras does


@dataclass(frozen=True, slots=True)
class Predictions:
    """Probabilities of every class for the images of one split.

    ``names`` and ``labels`` have one entry an image; ``probabilities`` has shape (images, classes).
    """

    split: str
    class_names: Sequence[str]
    names: Sequence[str]
    labels: np.ndarray
    probabilities: np.ndarray

    @property
    def predicted(self) -> np.ndarray:
        """The most probable class of each image; for two classes the second from 0.5 on, as Keras counts."""
        if len(self.class_names) == 2:
            return np.asarray(self.probabilities[:, 1] > 0.5, np.int64)
        return np.asarray(self.probabilities.argmax(axis=1))


def predict(predictor: Predictor, feed: Feed) -> np.ndarray:
    """Return the probabilities of every class for the images of a feed, shape (images, classes)."""
    return np.concatenate([predictor(feed[index][0]) for index in range(len(feed))])


def evaluate(predictions: Predictions) -> dict[str, Any]:
    """Return the measures that ``evaluation.json`` holds; see ``docs/reference/run-directory.md``."""
    labels, predicted = predictions.labels, predictions.predicted
    confusion = confusion_matrix(labels, predicted, len(predictions.class_names))
    num_right, num_images = int(np.trace(confusion)), len(labels)
    commonest = int(confusion.sum(axis=1).argmax())
    return {
        "split": predictions.split,
        "num_images": num_images,
        "class_names": list(predictions.class_names),
        "loss": cross_entropy(predictions.probabilities, labels),
        "accuracy": num_right / num_images,
        "accuracy_interval": list(wilson_interval(num_right, num_images)),
        "baseline_accuracy": int(confusion[commonest].sum()) / num_images,
        "baseline_class": predictions.class_names[commonest],
        "confusion_matrix": confusion.tolist(),
        "per_class": per_class(confusion, predictions.class_names),
    }


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, num_classes: int) -> np.ndarray:
    """Return counts, shape (classes, classes): a row for each true class, a column for each predicted one."""
    counts = np.bincount(labels * num_classes + predicted, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def per_class(confusion: np.ndarray, class_names: Sequence[str]) -> list[dict[str, Any]]:
    """Return precision, recall and F1 of each class; a quotient with nothing below it is 0."""
    rows = []
    for label, name in enumerate(class_names):
        right, actual, claimed = (
            int(n) for n in (confusion[label, label], confusion[label].sum(), confusion[:, label].sum())
        )
        rows.append(
            {
                "name": name,
                "precision": right / claimed if claimed else 0.0,
                "recall": right / actual if actual else 0.0,
                "f1": 2 * right / (actual + claimed) if actual + claimed else 0.0,
                "num_images": actual,
            }
        )
    return rows


def cross_entropy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean negative logarithm of the probability given to the true class."""
    true = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.clip(true, _TINY, 1)).mean())


def wilson_interval(num_right: int, num_images: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of a proportion (Wilson 1927), which holds for small counts too."""
    share, z2 = num_right / num_images, _CONFIDENCE**2
    centre = (share + z2 / (2 * num_images)) / (1 + z2 / num_images)
    spread = math.sqrt(share * (1 - share) / num_images + z2 / (4 * num_images**2))
    half = _CONFIDENCE / (1 + z2 / num_images) * spread
    return (max(0.0, centre - half), min(1.0, centre + half))


def worst_mistakes(predictions: Predictions, limit: int) -> np.ndarray:
    """Return the positions of the wrong predictions, the most confident first."""
    wrong = np.flatnonzero(predictions.predicted != predictions.labels)
    confidence = predictions.probabilities[wrong, predictions.predicted[wrong]]
    return wrong[np.argsort(-confidence, kind="stable")][:limit]


def write(run_dir: RunDir, predictions: Predictions, feed: Feed, num_mistakes: int) -> dict[str, Any]:
    """Write ``evaluation.json``, ``predictions.csv`` and the photographs of the worst mistakes; return the first."""
    evaluation = evaluate(predictions)
    evaluation["mistakes"] = _save_mistakes(run_dir, predictions, feed, num_mistakes)
    _write_predictions(run_dir, predictions)
    files.write_json(run_dir.evaluation, evaluation)
    return evaluation


def _save_mistakes(run_dir: RunDir, predictions: Predictions, feed: Feed, limit: int) -> list[dict[str, Any]]:
    chosen = worst_mistakes(predictions, limit)
    folder = run_dir.mistakes
    with files.storage_errors(folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    pixels = feed.images.gather(feed.rows[chosen]) if len(chosen) else ()
    entries = []
    for rank, (position, image) in enumerate(zip(chosen.tolist(), pixels, strict=True), start=1):
        path = folder / f"{rank:02}.jpg"
        with files.replacing(path) as temporary:
            Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).save(temporary, quality=90)
        predicted = int(predictions.predicted[position])
        entries.append(
            {
                "name": predictions.names[position],
                "file": path.relative_to(run_dir.path).as_posix(),
                "label": predictions.class_names[predictions.labels[position]],
                "predicted": predictions.class_names[predicted],
                "probability": float(predictions.probabilities[position, predicted]),
            }
        )
    return entries


def _write_predictions(run_dir: RunDir, predictions: Predictions) -> None:
    header = ["name", "label", "predicted", *(f"p_{name}" for name in predictions.class_names)]
    with (
        files.replacing(run_dir.predictions) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(header)
        columns = zip(
            predictions.names, predictions.labels, predictions.predicted, predictions.probabilities, strict=True
        )
        for name, label, predicted, row in columns:
            names = predictions.class_names
            writer.writerow([name, names[label], names[predicted], *(f"{p:.9g}" for p in row)])
