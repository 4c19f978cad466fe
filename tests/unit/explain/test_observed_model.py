"""What is seen of a network's layers, and its scores."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from cnnforge_explain.observed_model import ObservedModel
from tests.unit.network import networks


@pytest.mark.parametrize("build", networks.WITH_CONVOLUTION.values(), ids=networks.WITH_CONVOLUTION)
@pytest.mark.parametrize("num_classes", [2, 3])
def test_scores_are_what_becomes_the_probabilities(build, num_classes):
    model, images = build(num_classes), networks.picture()
    scores = ObservedModel(model, networks.SHAPE).scores(images)
    probabilities = model.predict(images, verbose=0)
    assert scores.shape == (1, num_classes)
    if num_classes == 2:
        assert scores[0, 0] == -scores[0, 1]
        np.testing.assert_allclose(1 / (1 + np.exp(-scores[:, 1:])), probabilities, rtol=1e-5)
    else:
        exponentials = np.exp(scores)
        np.testing.assert_allclose(exponentials / exponentials.sum(), probabilities, rtol=1e-5)


def test_a_head_that_hides_its_scores_is_scored_by_the_logarithm_of_the_odds():
    inputs = keras.Input(networks.SHAPE)
    x = networks.colours()(keras.layers.Rescaling(1 / 255)(inputs))
    x = keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, keras.layers.Softmax()(x))
    images = networks.picture()
    probabilities = model.predict(images, verbose=0)
    scores = ObservedModel(model, networks.SHAPE).scores(images)
    np.testing.assert_allclose(scores, np.log(probabilities / (1 - probabilities)), rtol=1e-4)


def test_a_stage_is_a_convolution_and_what_follows_on_its_grid():
    layers = keras.layers
    inputs = keras.Input((16, 16, 3))
    x = layers.Conv2D(4, 3, padding="same", name="a")(layers.Rescaling(1 / 255)(inputs))
    x = layers.ReLU(name="a_relu")(layers.BatchNormalization()(x))
    x = layers.MaxPooling2D(2)(x)
    y = layers.Conv2D(4, 3, padding="same", name="b")(x)
    x = layers.ReLU(name="b_relu")(layers.Add()([x, y]))
    x = layers.GlobalAveragePooling2D()(x)
    observed = ObservedModel(keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x)), (16, 16, 3))
    assert [(s.layer.name, s.shape) for s in observed.stages()] == [("a_relu", (16, 16, 4)), ("b_relu", (8, 8, 4))]
    maps = observed.activations(np.zeros((2, 16, 16, 3), np.uint8), [s.index for s in observed.stages()])
    assert [m.shape for m in maps] == [(2, 16, 16, 4), (2, 8, 8, 4)]


def test_a_layer_that_is_called_twice_is_seen_twice():
    inputs = keras.Input(networks.SHAPE)
    shared = keras.layers.Conv2D(3, 3, padding="same")
    x = keras.layers.GlobalAveragePooling2D()(shared(shared(inputs)))
    observed = ObservedModel(keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(x)), networks.SHAPE)
    assert [stage.layer for stage in observed.stages()] == [shared, shared]
