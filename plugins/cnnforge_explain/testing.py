"""The contract of explainers, to subclass."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import keras
import numpy as np
import pytest

from cnnforge.evaluation import heatmaps
from cnnforge.host import Entry, ExplainerSpec
from cnnforge.testing import UNDER_TEST, PluginContract, fail, lesson, outputs_of

Explain = Callable[[keras.Model, np.ndarray, np.ndarray], np.ndarray]


class ExplainerContract(PluginContract):
    """What every explainer must keep. Subclass it in a class whose name starts with ``Test``, and set ``spec``.

    Attributes:
        spec: The explainer, as the plugin's hook returns it.
    """

    spec: ClassVar[ExplainerSpec]

    @pytest.fixture
    def explain(self) -> Explain:
        """Return the explainer as a function of a model, images and classes; the test fails where it fails."""

        def call(model: keras.Model, images: np.ndarray, classes: np.ndarray) -> np.ndarray:
            try:
                return heatmaps(Entry(self.spec, UNDER_TEST), model, images, classes)
            except Exception as error:
                size = "×".join(map(str, images.shape[1:]))
                fail(
                    f"{type(error).__name__}: {error}\nfor a small convolutional network and images of {size}",
                    "return a map of each image's height and width, 0 to 1, for any network of convolutions",
                    error,
                )

        return call

    @pytest.mark.parametrize("num_classes", [2, 3])
    @pytest.mark.parametrize("channels", [1, 3])
    def test_gives_a_map_for_each_image_and_class(self, explain: Explain, num_classes: int, channels: int) -> None:
        model = small_network(num_classes, channels)
        images = lesson(model, 4)[0]
        for label in range(num_classes):
            explain(model, images, np.full(len(images), label))

    def test_images_are_explained_alike_alone_and_together(self, explain: Explain) -> None:
        model = small_network(3)
        images, classes = lesson(model, 5)[0], np.array([0, 1, 2, 0, 1])
        together = explain(model, images, classes)
        alone = [explain(model, images[i : i + 1], classes[i : i + 1])[0] for i in range(len(images))]
        if not np.allclose(together, alone, atol=1e-3):
            fail(
                f"maps differ by up to {np.abs(together - alone).max():.2g} when images are explained one by one",
                "explain each image by itself: no average over the images given, nothing drawn without a seed",
            )

    def test_leaves_network_and_images_as_they_are(self, explain: Explain) -> None:
        model = small_network(3)
        images = lesson(model, 4)[0]
        before, given = outputs_of(model, images), images.copy()
        explain(model, images, np.array([0, 1, 2, 0]))
        if not np.array_equal(images, given):
            fail("the images are changed", "work on a copy of them")
        if not np.array_equal(outputs_of(model, images), before):
            fail("the network gives other probabilities afterwards", "work on a copy, or put back what is changed")


def small_network(num_classes: int, channels: int = 3) -> keras.Model:
    """Return a convolutional network with random weights, the same every time, for images of 24 by 20 pixels."""
    keras.utils.set_random_seed(2)
    inputs = keras.Input((24, 20, channels))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    x = keras.layers.Conv2D(6, 3, activation="relu")(x)
    x = keras.layers.Conv2D(8, 3, strides=2, activation="relu")(x)
    units, activation = (1, "sigmoid") if num_classes == 2 else (num_classes, "softmax")
    return keras.Model(inputs, keras.layers.Dense(units, activation=activation)(keras.layers.Flatten()(x)))
