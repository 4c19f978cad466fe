"""The classic network: to the letter by default, and its options."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from cnnforge_catsdogs import CatsDogsCnnOptions
from cnnforge_catsdogs.model import build

SHAPE = (150, 150, 3)


def classic() -> keras.Sequential:
    """The network as the tutorials write it, which expects images already divided by 255."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.Conv2D(16, (3, 3), activation="relu"),
            layers.MaxPooling2D(2, 2),
            layers.Conv2D(32, (3, 3), activation="relu"),
            layers.MaxPooling2D(2, 2),
            layers.Conv2D(64, (3, 3), activation="relu"),
            layers.MaxPooling2D(2, 2),
            layers.Flatten(),
            layers.Dense(512, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def without_name(layer: keras.layers.Layer) -> tuple[type, dict[str, object]]:
    config = {key: value for key, value in layer.get_config().items() if key not in {"name", "dtype"}}
    return type(layer), config


def test_after_the_rescaling_it_is_the_classic_layer_by_layer() -> None:
    ours = build(CatsDogsCnnOptions(), input_shape=SHAPE, num_classes=2)
    assert ours.count_params() == 9_494_561
    first, rescaling, *rest = ours.layers
    assert isinstance(first, keras.layers.InputLayer)
    assert isinstance(rescaling, keras.layers.Rescaling)
    assert (rescaling.scale, rescaling.offset) == (1 / 255, 0.0)
    assert [without_name(layer) for layer in rest] == [without_name(layer) for layer in classic().layers]
    assert [layer.output.shape for layer in rest] == [layer.output.shape for layer in classic().layers]


def test_with_the_same_weights_it_computes_what_the_classic_does() -> None:
    ours, theirs = build(CatsDogsCnnOptions(), input_shape=SHAPE, num_classes=2), classic()
    theirs.set_weights(ours.get_weights())
    images = np.random.default_rng(0).integers(0, 256, (4, *SHAPE), np.uint8)
    np.testing.assert_allclose(
        ours.predict(images, verbose=0), theirs.predict(images / 255.0, verbose=0), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(
    ("num_classes", "units", "activation"), [(2, 1, "sigmoid"), (3, 3, "softmax"), (40, 40, "softmax")]
)
def test_the_head_fits_the_number_of_classes(num_classes: int, units: int, activation: str) -> None:
    options = CatsDogsCnnOptions(filters=(8,), dense_units=4)
    head = build(options, input_shape=(32, 32, 3), num_classes=num_classes).layers[-1]
    assert (head.units, head.activation.__name__, head.dtype_policy.name) == (units, activation, "float32")


def test_every_option_changes_the_network() -> None:
    options = CatsDogsCnnOptions(
        filters=(8, 16, 24, 32), kernel_size=5, dense_units=7, dropout=0.5, batch_normalization=True
    )
    model = build(options, input_shape=(140, 160, 1), num_classes=2)
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [(c.filters, c.kernel_size) for c in convolutions] == [(n, (5, 5)) for n in (8, 16, 24, 32)]
    assert sum(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers) == 4
    assert model.get_layer("dense").units == 7
    assert model.get_layer("dropout").rate == 0.5


@pytest.mark.parametrize("filters", [(8,) * 6, (8,) * 8])
def test_too_many_blocks_for_the_image_are_refused_with_the_sizes(filters: tuple[int, ...]) -> None:
    with pytest.raises(
        ValueError, match=rf"{len(filters)} blocks .* do not fit 64×64: before block \d the image is \d"
    ):
        build(CatsDogsCnnOptions(filters=filters), input_shape=(64, 64, 3), num_classes=2)
