"""Evaluation: a trained network's predictions for labelled images, measured and written down."""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np
from PIL import Image

from cnnforge.data import ImageRows, Progress
from cnnforge.evaluation.evaluation_dir import EvaluationDir
from cnnforge.evaluation.measures import measure
from cnnforge.evaluation.predictions import Predictions
from cnnforge.host import Registry
from cnnforge.network import BATCH_SIZE, Predictor
from cnnforge.system import files

_ROWS_AT_ONCE = 4 * BATCH_SIZE


def predict_rows(predictor: Predictor, images: ImageRows, rows: np.ndarray, progress: Progress) -> np.ndarray:
    """Return the probabilities of every class for some rows, shape (rows, classes)."""
    parts = []
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        part, following = rows[start : start + _ROWS_AT_ONCE], rows[start + _ROWS_AT_ONCE :][:_ROWS_AT_ONCE]
        images.announce(following)
        parts.append(predictor(images.gather(part)))
        progress(start + len(part), len(rows))
    return np.concatenate(parts)


def worst_mistakes(predictions: Predictions, limit: int) -> np.ndarray:
    """Return the positions of the wrong predictions, the most confident first."""
    wrong = np.flatnonzero(predictions.predicted != predictions.labels)
    return wrong[np.argsort(-predictions.confidence[wrong], kind="stable")][:limit]


def most_doubtful(predictions: Predictions, limit: int) -> np.ndarray:
    """Return the positions of the predictions of lowest probability, the lowest first."""
    order: np.ndarray = np.argsort(predictions.confidence, kind="stable")[:limit]
    return order


def write_evaluation(
    directory: EvaluationDir,
    predictions: Predictions,
    images: ImageRows,
    rows: np.ndarray,
    *,
    num_mistakes: int,
    registry: Registry,
    **facts: Any,
) -> dict[str, Any]:
    """Write ``evaluation.json``, ``predictions.csv`` and the photographs of the worst mistakes; return the first.

    Args:
        directory: Where to.
        predictions: What is measured.
        images: Where the photographs are.
        rows: The row of each prediction in ``images``.
        num_mistakes: How many mistakes are kept.
        registry: The measures.
        facts: What else is to be known of the images; ``warnings`` stand before those of the measures.
    """
    evaluation = measure(predictions, registry)
    evaluation |= {**facts, "warnings": [*facts.get("warnings", ()), *evaluation["warnings"]]}
    worst = worst_mistakes(predictions, num_mistakes)
    pixels = images.gather(rows[worst]) if len(worst) else np.empty((0, *images.shape), np.uint8)
    evaluation["mistakes"] = _save_mistakes(directory, predictions, worst, pixels)
    predictions.write(directory.predictions)
    files.write_json(directory.evaluation, evaluation)
    return evaluation


def _save_mistakes(
    directory: EvaluationDir, predictions: Predictions, positions: np.ndarray, pixels: np.ndarray
) -> list[dict[str, Any]]:
    with files.storage_errors(directory.mistakes):
        shutil.rmtree(directory.mistakes, ignore_errors=True)
        directory.mistakes.mkdir(parents=True)
    entries = []
    for rank, (position, image) in enumerate(zip(positions.tolist(), pixels, strict=True), start=1):
        path = directory.mistakes / f"{rank:02}.jpg"
        with files.replacing(path) as temporary:
            Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).save(temporary, quality=90)
        entries.append(
            {
                "name": predictions.names[position],
                "file": path.relative_to(directory.path).as_posix(),
                "label": predictions.class_names[predictions.labels[position]],
                "predicted": predictions.class_names[predictions.predicted[position]],
                "probability": float(predictions.confidence[position]),
            }
        )
    return entries
