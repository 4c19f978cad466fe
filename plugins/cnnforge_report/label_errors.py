"""Labels that may be wrong: confident learning (Northcutt, Jiang & Chuang 2021, arXiv:1911.00068)."""

from __future__ import annotations

import numpy as np

_ROUNDING = 1e-6


def suspects(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return the positions of images whose label the network confidently contradicts, the clearest first.

    An image counts as confidently of a class if its probability reaches the mean probability of that class among the
    images labelled so. If it is confidently of another class than its label's, and the most probable class is not the
    label, its label is suspected (the off-diagonal of the paper's confident joint). Order: by how much less probable
    the label is than the most probable class.

    Args:
        labels: Shape (images,).
        probabilities: Shape (images, classes), of a network that was not trained on these images.
    """
    positions = np.arange(len(labels))
    present = np.unique(labels)
    thresholds = np.full(probabilities.shape[1], np.inf)  # nobody can be confidently of a class that has no image
    thresholds[present] = [probabilities[labels == label, label].mean() for label in present]
    confident = np.where(probabilities >= thresholds - _ROUNDING, probabilities, -1)
    claimed = confident.argmax(axis=1)
    is_suspect = (confident.max(axis=1) >= 0) & (claimed != labels) & (probabilities.argmax(axis=1) != labels)
    suspected = np.flatnonzero(is_suspect)
    margin = probabilities[positions, labels] - probabilities.max(axis=1)
    order: np.ndarray = suspected[np.argsort(margin[suspected], kind="stable")]
    return order
