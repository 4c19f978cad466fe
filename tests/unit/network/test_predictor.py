"""Probabilities do not depend on what else is asked for in the same breath."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from cnnforge import head
from cnnforge.network.predictor import Predictor

IMAGES = np.random.default_rng(0).integers(0, 256, (70, 20, 20, 3), np.uint8)


def build(num_classes: int) -> keras.Model:
    keras.utils.set_random_seed(0)
    inputs = keras.Input((20, 20, 3))
    x = keras.layers.Conv2D(8, 3, activation="relu")(keras.layers.Rescaling(1 / 255)(inputs))
    x = keras.layers.Dense(64, activation="relu")(keras.layers.Flatten()(x))
    return keras.Model(inputs, head(x, num_classes))


@pytest.mark.parametrize("num_classes", [2, 3])
def test_grouping_changes_no_bit(num_classes):
    predictor = Predictor(build(num_classes))
    whole = predictor(IMAGES)
    assert whole.shape == (70, num_classes)
    np.testing.assert_allclose(whole.sum(axis=1), 1, atol=1e-6)
    for size in (1, 3, 33):
        parts = [predictor(IMAGES[start : start + size]) for start in range(0, 70, size)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_the_figures_are_those_of_the_model():
    model = build(2)
    np.testing.assert_allclose(Predictor(model)(IMAGES)[:, 1:], model.predict(IMAGES, verbose=0), atol=1e-6)
