"""What a report shows of the evaluated photographs and only the network can tell, kept as files when a run ends."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from PIL import Image

from cnnforge.evaluation import (
    EvaluationDir,
    Predictions,
    heatmaps,
    most_doubtful,
    overlay,
    to_picture,
    worst_mistakes,
)
from cnnforge.host import Catalogue, ExplainerSpec
from cnnforge.system import files
from cnnforge_report.label_errors import suspects

_EXPLAINER = "grad_cam"
_NUM_DOUBTFUL = 12
_MAX_SUSPECTS = 200  # kept by name; all are counted


def write_examples(
    directory: EvaluationDir,
    predictions: Predictions,
    pixels: Callable[[np.ndarray], np.ndarray],
    *,
    model: keras.Model,
    explainers: Catalogue[ExplainerSpec],
    num_mistakes: int,
) -> None:
    """Write ``examples.json`` and ``examples/``: the most doubtful photographs, Grad-CAM, suspected label errors.

    Args:
        directory: Where to.
        predictions: Of the evaluated images.
        pixels: Returns the images of the predictions at some positions, shape (images, height, width, channels), uint8.
        model: The network that predicted.
        explainers: Of them ``grad_cam`` makes the pictures; there are none without it.
        num_mistakes: How many of the worst mistakes get a Grad-CAM picture.
    """
    doubtful = most_doubtful(predictions, _NUM_DOUBTFUL)
    shown = np.unique(np.concatenate([worst_mistakes(predictions, num_mistakes), doubtful]))
    images = pixels(shown)
    with files.storage_errors(directory.examples_dir):
        shutil.rmtree(directory.examples_dir, ignore_errors=True)
        directory.examples_dir.mkdir()
    by_position = dict(zip(shown.tolist(), images, strict=True))
    content = {
        "doubtful": [
            _doubtful(directory, predictions, position, by_position[position]) for position in doubtful.tolist()
        ],
        **_grad_cams(directory, images, predictions, shown, model=model, explainers=explainers),
        **({} if predictions.split == "train" else {"label_errors": _label_errors(predictions)}),
    }
    files.write_json(directory.examples, content)


def _doubtful(directory: EvaluationDir, predictions: Predictions, position: int, image: np.ndarray) -> dict[str, Any]:
    path = _save(directory.examples_dir / f"{position:05}.jpg", to_picture(image))
    return {
        "name": predictions.names[position],
        "file": path.relative_to(directory.path).as_posix(),
        "label": predictions.class_names[predictions.labels[position]],
        "predicted": predictions.class_names[predictions.predicted[position]],
        "probability": float(predictions.confidence[position]),
    }


def _grad_cams(
    directory: EvaluationDir,
    images: np.ndarray,
    predictions: Predictions,
    shown: np.ndarray,
    *,
    model: keras.Model,
    explainers: Catalogue[ExplainerSpec],
) -> dict[str, Any]:
    """Write a picture for each photograph shown; return their files by the photographs' names."""
    if _EXPLAINER not in explainers.entries:
        return {}
    try:
        maps = heatmaps(explainers.get(_EXPLAINER), model, images, predictions.predicted[shown])
    except Exception as error:  # layers may be anybody's; a trained and evaluated run must not end for a picture
        return {"grad_cam": {}, "grad_cam_error": f"{type(error).__name__}: {error}"}
    kept = {}
    for position, image, heatmap in zip(shown.tolist(), images, maps, strict=True):
        path = _save(directory.examples_dir / f"{position:05}-grad-cam.jpg", overlay(image, heatmap))
        kept[predictions.names[position]] = path.relative_to(directory.path).as_posix()
    return {"grad_cam": kept}


def _label_errors(predictions: Predictions) -> dict[str, Any]:
    positions = suspects(predictions.labels, predictions.probabilities)
    names = predictions.class_names
    return {
        "num_images": len(predictions.labels),
        "num_suspects": len(positions),
        "suspects": [
            {
                "name": predictions.names[position],
                "label": names[predictions.labels[position]],
                "label_probability": float(predictions.probabilities[position, predictions.labels[position]]),
                "suggested": names[predictions.predicted[position]],
                "suggested_probability": float(predictions.confidence[position]),
            }
            for position in positions[:_MAX_SUSPECTS].tolist()
        ],
    }


def _save(path: Path, picture: Image.Image) -> Path:
    with files.replacing(path) as temporary:
        picture.save(temporary, quality=88)
    return path
