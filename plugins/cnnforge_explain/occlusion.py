"""Occlusion: how much a class loses when a part of the photograph is covered (Zeiler & Fergus 2014, arXiv:1311.2901).

Slow, but it asks the network itself and assumes nothing about its layers: a check on Grad-CAM.
"""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
from scipy import stats

from cnnforge_explain.observed_model import ObservedModel

_SIDE = 1 / 5  # of the window, as a share of the photograph's shorter side; windows overlap by half


@dataclass(frozen=True, slots=True)
class Occlusion:
    """What covering each window of an image took from the score of a class.

    ``windows`` are the top and left edges of square windows of ``side`` pixels, shape (windows, 2); ``drops`` what
    the class's score (before sigmoid or softmax) lost in each, negative where it won; ``size`` height and width.
    """

    windows: np.ndarray
    side: int
    drops: np.ndarray
    size: tuple[int, int]

    def heatmap(self) -> np.ndarray:
        """Return the mean drop of the windows over each pixel, shape (height, width): 0 for none, 1 for the largest."""
        total, covered = np.zeros(self.size, np.float32), np.zeros(self.size, np.float32)
        for (top, left), drop in zip(self.windows.tolist(), self.drops.tolist(), strict=True):
            total[top : top + self.side, left : left + self.side] += drop
            covered[top : top + self.side, left : left + self.side] += 1
        mean: np.ndarray = np.maximum(total / covered, 0)
        return mean / (mean.max() or 1)

    def agreement(self, heatmap: np.ndarray) -> float | None:
        """Return Spearman's rank correlation of the drops with the mean of a heat map in each window.

        From -1 (opposite) to 1 (the same order); None where either is the same everywhere.
        """
        means = [heatmap[top : top + self.side, left : left + self.side].mean() for top, left in self.windows.tolist()]
        if np.ptp(means) == 0 or np.ptp(self.drops) == 0:
            return None
        return float(stats.spearmanr(means, self.drops).statistic)


def occlusion(model: keras.Model, images: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return how much the class of each image loses where the image is covered.

    Args:
        model: Takes images, 0 to 255; gives probabilities.
        images: Shape (images, height, width, channels).
        classes: The class to explain, for each image.

    Returns:
        Shape (images, height, width), float32, from 0 to 1; the place that matters most is 1.
    """
    observed = ObservedModel(model, images.shape[1:])
    pairs = zip(images, classes.tolist(), strict=True)
    return np.stack([occlude(observed, image, index).heatmap() for image, index in pairs])


def occlude(observed: ObservedModel, image: np.ndarray, class_index: int) -> Occlusion:
    """Cover an image window by window with its mean colour, and score a class each time.

    Args:
        observed: The network.
        image: Shape (height, width, channels), 0 to 255.
        class_index: The class.
    """
    height, width = image.shape[:2]
    side = max(1, round(min(height, width) * _SIDE))
    windows = np.array([(top, left) for top in _starts(height, side) for left in _starts(width, side)])
    covered = np.repeat(image[None], len(windows) + 1, axis=0)  # the last stays as it is
    for picture, (top, left) in zip(covered, windows.tolist(), strict=False):
        picture[top : top + side, left : left + side] = image.mean(axis=(0, 1))
    scores = observed.scores(covered)[:, class_index]
    return Occlusion(windows, side, scores[-1] - scores[:-1], (height, width))


def _starts(length: int, side: int) -> list[int]:
    """Return where windows start that overlap by half and cover the whole length."""
    num_windows = int(np.ceil((length - side) / max(1, side // 2))) + 1
    return [round(start) for start in np.linspace(0, length - side, num_windows).tolist()]
