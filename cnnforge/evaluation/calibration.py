"""Whether probabilities mean what they say: of the images given 0.8, are 80 % right?"""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnforge.evaluation.intervals import wilson_interval
from cnnforge.evaluation.predictions import Predictions

NUM_BINS = 15


def calibration(predictions: Predictions) -> dict[str, Any]:
    """Return the reliability curve and the expected calibration error (Guo et al. 2017, arXiv:1706.04599).

    Predictions are grouped by the probability of the predicted class into 15 bins of equal width. The error is the
    mean distance between a bin's accuracy and its mean probability, weighted by its number of images.
    """
    confidence, is_right = predictions.confidence, predictions.predicted == predictions.labels
    bins = np.clip(np.ceil(confidence * NUM_BINS) - 1, 0, NUM_BINS - 1)
    curve = [_bin(int(b), confidence[bins == b], is_right[bins == b]) for b in np.unique(bins)]
    distances = [row["num_images"] * abs(row["accuracy"] - row["confidence"]) for row in curve]
    return {"expected_calibration_error": sum(distances) / len(is_right), "reliability": curve}


def _bin(number: int, confidence: np.ndarray, is_right: np.ndarray) -> dict[str, Any]:
    num_right, num_images = int(is_right.sum()), len(is_right)
    return {
        "low": number / NUM_BINS,
        "high": (number + 1) / NUM_BINS,
        "num_images": num_images,
        "confidence": float(confidence.mean(dtype=np.float64)),
        "accuracy": num_right / num_images,
        "accuracy_interval": list(wilson_interval(num_right, num_images)),
    }
