"""The drawn sample: the same everywhere, varied, and told apart by shape alone."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from cnnforge_catsdogs import drawing

PROGRAM = """
import hashlib
from cnnforge_catsdogs import drawing
print(hashlib.sha256(b"".join(drawing.draw(index, 7).tobytes() for index in (3, 0, 1))).hexdigest())
"""


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return np.stack([drawing.draw(index, 0) for index in range(400)])


def test_pictures_are_arrays_of_pixels(pictures: np.ndarray) -> None:
    assert pictures.dtype == np.uint8
    assert pictures.shape[1:] == (drawing.SIDE, drawing.SIDE, 3)


def test_every_process_draws_the_same_bytes_in_any_order() -> None:
    digests = {subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True).stdout for _ in "ab"}
    assert len(digests) == 1
    assert np.array_equal(drawing.draw(3, 7), drawing.draw(3, 7))


def test_no_two_pictures_are_alike(pictures: np.ndarray) -> None:
    small = pictures[:, ::8, ::8].reshape(len(pictures), -1).astype(np.float32)
    squares = (small**2).sum(axis=1)
    distances = squares[:, None] + squares[None, :] - 2 * small @ small.T + np.diag(np.full(len(small), np.inf))
    assert np.sqrt(distances.min() / small.shape[1]) > 5


def test_another_seed_draws_other_pictures(pictures: np.ndarray) -> None:
    assert not np.array_equal(drawing.draw(0, 1), pictures[0])


def test_classes_take_turns() -> None:
    assert [drawing.label(index) for index in range(4)] == [0, 1, 0, 1]


def test_no_statistic_of_colour_or_light_gives_the_class_away(pictures: np.ndarray) -> None:
    labels = np.arange(len(pictures)) % 2
    values = pictures.reshape(len(pictures), -1, 3).astype(np.float32)
    statistics = np.concatenate([values.mean(axis=1), values.std(axis=1)], axis=1)
    for statistic in statistics.T:
        assert _best_threshold_accuracy(statistic, labels) < 0.62


def test_cats_and_dogs_differ_where_the_ears_are(pictures: np.ndarray) -> None:
    labels = np.arange(len(pictures)) % 2
    edges = np.abs(np.diff(pictures.astype(np.int16).mean(axis=3), axis=1))
    difference = np.abs(edges[labels == 0].mean(axis=0) - edges[labels == 1].mean(axis=0))
    assert difference[:80].mean() > 1.3 * difference[130:].mean()


def _best_threshold_accuracy(statistic: np.ndarray, labels: np.ndarray) -> float:
    """Return the accuracy of the best single threshold on a statistic, either way round."""
    ordered = labels[np.argsort(statistic)]
    num_right = np.cumsum(ordered == 0) + np.cumsum((ordered == 1)[::-1])[::-1]
    share = num_right / len(labels)
    return float(max(share.max(), 1 - share.min()))
