"""Grad-CAM finds what the networks of `networks.py` were made to look at, however they are put together."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from cnnforge.errors import RecipeError
from cnnforge_catsdogs import CatsDogsCnnOptions
from cnnforge_catsdogs.model import build as catsdogs_cnn
from cnnforge_explain.grad_cam import grad_cam
from tests.unit.network import networks

BUILDERS = networks.WITH_CONVOLUTION


def strongest(heatmap: np.ndarray) -> tuple[int, int]:
    row, column = np.unravel_index(int(heatmap.argmax()), heatmap.shape)
    return int(row), int(column)


def lies_in(place: tuple[int, int], corner: tuple[int, int]) -> bool:
    return all(start <= value < start + 6 for value, start in zip(place, corner, strict=True))


@pytest.mark.parametrize("num_classes", [2, 3], ids=["sigmoid", "softmax"])
@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
def test_the_evidence_of_each_class_lies_where_its_colour_is(build, num_classes):
    images = np.repeat(networks.picture(), 2, axis=0)
    blue, red = grad_cam(build(num_classes), images, np.array([0, 1]))
    assert lies_in(strongest(red), networks.RED)
    assert lies_in(strongest(blue), networks.BLUE)
    assert red.shape == networks.SHAPE[:2]
    assert red.min() == 0
    assert red.max() == 1


def test_a_network_that_is_too_sure_for_a_gradient_of_its_probability_is_explained():
    images = networks.picture()
    images[0, :, :, 2] = 0
    model = keras.Sequential([*networks.sequential(2).layers[:-1], networks.head(2, sharpness=4000)])
    assert model.predict(images, verbose=0)[0, 0] == 1.0
    (red,) = grad_cam(model, images, 1)
    assert lies_in(strongest(red), networks.RED)


def test_what_a_dense_layer_ignores_is_no_evidence_though_it_looks_the_same():
    image = networks.picture()
    image[0, 20:26, 22:28] = (255, 0, 0)
    (red,) = grad_cam(networks.at_one_place(), image, 1)
    assert lies_in(strongest(red), networks.RED)
    assert red[18:, 18:].max() == 0


def test_an_image_without_evidence_is_zero_all_over():
    assert not grad_cam(networks.sequential(2), np.zeros((1, *networks.SHAPE), np.uint8), 1).any()


def test_the_network_is_left_as_it_was():
    model, images = networks.nested(2), networks.picture()
    before = model.predict(images, verbose=0)
    grad_cam(model, images, 1)
    np.testing.assert_array_equal(model(images.astype(np.float32)), before)
    assert model.layers[-1].activation is keras.activations.sigmoid
    assert not [layer for layer in model.layers if "call" in vars(layer)]


def test_many_images_are_explained_as_one_by_one():
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (40, *networks.SHAPE), np.uint8)
    classes = generator.integers(0, 3, 40)
    together = grad_cam(networks.functional(3), images, classes)
    alone = [grad_cam(networks.functional(3), images[i : i + 1], int(classes[i]))[0] for i in (0, 33, 39)]
    np.testing.assert_allclose(together[[0, 33, 39]], alone, atol=1e-5)


def test_a_network_without_convolution_is_refused():
    with pytest.raises(RecipeError, match="expected a network with a convolution"):
        grad_cam(networks.without_convolution(2), networks.picture(), 1)


def test_the_classic_network_is_explained():
    options = CatsDogsCnnOptions(filters=(4, 8), dense_units=8)
    model = catsdogs_cnn(options, input_shape=(48, 64, 3), num_classes=2)
    images = np.random.default_rng(0).integers(0, 256, (2, 48, 64, 3), np.uint8)
    maps = grad_cam(model, images, 1)
    assert maps.shape == (2, 48, 64)
    assert maps.max() == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MobileNetV3Small", "ResNet50V2"])
def test_a_network_of_keras_applications_inside_another_is_explained(name):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((64, 64, 3))
    backbone = getattr(keras.applications, name)(include_top=False, weights=None, input_shape=(64, 64, 3))
    x = keras.layers.GlobalAveragePooling2D()(backbone(inputs))
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x))
    maps = grad_cam(model, np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), np.uint8), 2)
    assert maps.shape == (1, 64, 64)
    assert np.isfinite(maps).all()
    assert np.ptp(maps) > 0
