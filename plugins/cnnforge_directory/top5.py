"""The measure for data of many classes."""

from __future__ import annotations

import numpy as np

from cnnforge.evaluation import Predictions

_NUM_BEST = 5


def top5_accuracy(predictions: Predictions) -> float:
    """Return the share of images whose label is among the five most probable classes; 0 to 1.

    Russakovsky et al. 2015, ImageNet Large Scale Visual Recognition Challenge, arXiv:1409.0575. Of equally probable
    classes the first come first, as in the accuracy.
    """
    best = np.argsort(-predictions.probabilities, axis=1, kind="stable")[:, :_NUM_BEST]
    return float((best == predictions.labels[:, None]).any(axis=1).mean())
