"""Which photographs are explained where none are given."""

from __future__ import annotations

import numpy as np

from cnnforge.evaluation import Predictions
from cnnforge_explain.selection import _most_certain


def test_the_most_certain_are_right_ones():
    second = np.array([0.9, 0.6, 0.99, 0.7, 0.8], np.float32)
    labels = np.array([1, 1, 0, 1, 1])
    names = [f"{number}.jpg" for number in range(5)]
    predictions = Predictions("test", ["cat", "dog"], names, labels, np.stack([1 - second, second], axis=1))
    assert _most_certain(predictions, 2).tolist() == [0, 4]
