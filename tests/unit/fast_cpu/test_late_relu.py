"""ReLU after the pooling changes no bit of training, and nothing that anyone can see of the network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from cnnforge_fast_cpu import make_faster

LAYERS = keras.layers


def classic() -> keras.Model:
    images = x = keras.Input((24, 24, 3))
    for filters in (4, 8):
        x = LAYERS.MaxPooling2D(2)(LAYERS.Conv2D(filters, 3, activation="relu")(x))
    return keras.Model(images, LAYERS.Dense(1, "sigmoid")(LAYERS.Flatten()(x)))


def activation_alone() -> keras.Model:
    images = keras.Input((24, 24, 3))
    x = LAYERS.Conv2D(4, 3, padding="same")(images)
    x = LAYERS.MaxPooling2D(3, strides=2, padding="same")(LAYERS.Activation("relu")(x))
    return keras.Model(images, LAYERS.Dense(1, "sigmoid")(LAYERS.Flatten()(x)))


def sequential() -> keras.Model:
    layers = [LAYERS.Conv2D(4, 3, activation="relu"), LAYERS.MaxPooling2D(), LAYERS.Flatten(), LAYERS.Dense(1)]
    return keras.Sequential([keras.Input((24, 24, 3)), *layers])


def two_branches() -> keras.Model:
    """A convolution that goes into a pooling and past it."""
    images = keras.Input((24, 24, 3))
    x = LAYERS.Conv2D(4, 3, activation="relu")(images)
    both = LAYERS.Concatenate()([LAYERS.MaxPooling2D(2)(x), LAYERS.AveragePooling2D(2)(x)])
    return keras.Model(images, LAYERS.Dense(1, "sigmoid")(LAYERS.Flatten()(both)))


def one_pooling_for_two() -> keras.Model:
    """A pooling layer used after a convolution with ReLU and after one without."""
    images, pooling = keras.Input((24, 24, 3)), LAYERS.MaxPooling2D(2)
    x = pooling(LAYERS.Conv2D(4, 3, activation="relu")(images))
    x = pooling(LAYERS.Conv2D(4, 3)(x))
    return keras.Model(images, LAYERS.Dense(1, "sigmoid")(LAYERS.Flatten()(x)))


def no_relu() -> keras.Model:
    images = keras.Input((24, 24, 3))
    x = LAYERS.MaxPooling2D(2)(LAYERS.Conv2D(4, 3, activation="tanh")(images))
    x = LAYERS.MaxPooling2D(2)(LAYERS.Activation("elu")(LAYERS.Conv2D(4, 3)(x)))
    return keras.Model(images, LAYERS.Dense(1, "sigmoid")(LAYERS.Flatten()(x)))


class Subclass(keras.Model):
    """A network without a graph of layers."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = classic()

    def call(self, inputs: object) -> object:
        return self.inner(inputs)


def trained(build: Callable[[], keras.Model], *, late: bool) -> list[np.ndarray]:
    keras.utils.set_random_seed(0)
    model = build()
    model.compile(keras.optimizers.RMSprop(0.01), "mse")
    before = model.train_step
    if late:
        make_faster(model)
        assert (model.train_step != before) == (build in CHANGED)
    generator = np.random.default_rng(0)
    for _ in range(4):
        images = generator.normal(size=(8, 24, 24, 3)).astype(np.float32).round(1)  # round: windows with equal numbers
        model.train_on_batch(images, generator.random((8, 1), np.float32))
    return [keras.ops.convert_to_numpy(variable) for variable in model.variables]


def sequential_by_and_by() -> keras.Model:
    """As tutorials write it; Keras builds such a network again with every layer."""
    model = keras.Sequential()
    for layer in (keras.Input((24, 24, 3)), LAYERS.Conv2D(4, 3, activation="relu"), LAYERS.MaxPooling2D()):
        model.add(layer)
    for layer in (LAYERS.Flatten(), LAYERS.Dense(1)):
        model.add(layer)
    return model


CHANGED = [classic, activation_alone, sequential, sequential_by_and_by]
UNCHANGED = [two_branches, one_pooling_for_two, no_relu, Subclass]


@pytest.mark.parametrize("build", [*CHANGED, *UNCHANGED])
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_the_weights_are_the_same_to_the_bit(build: Callable[[], keras.Model], policy: str) -> None:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        plain, ours = trained(build, late=False), trained(build, late=True)
    finally:
        keras.config.set_dtype_policy(before)
    for one, other in zip(plain, ours, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_step_computes_what_it_says() -> None:
    """The convolution of a training step is not rectified; else there would be nothing to gain."""
    model = classic()
    model.compile(keras.optimizers.SGD(0.0), "mse")
    make_faster(model)
    convolution, seen = model.layers[1], []
    call = convolution.call
    convolution.call = lambda inputs: seen.append(call(inputs)) or seen[-1]
    model.run_eagerly = True
    images = np.random.default_rng(0).normal(size=(8, 24, 24, 3)).astype(np.float32)
    model.train_on_batch(images, np.zeros((8, 1), np.float32))
    model.test_on_batch(images, np.zeros((8, 1), np.float32))
    assert keras.ops.min(seen[0]) < 0
    assert keras.ops.min(seen[1]) == 0


def test_what_is_saved_and_seen_is_the_author_s_network(tmp_path: Path) -> None:
    model = classic()
    model.compile(keras.optimizers.SGD(0.01), "mse")
    make_faster(model)
    images = np.random.default_rng(0).normal(size=(8, 24, 24, 3)).astype(np.float32)
    model.train_on_batch(images, np.zeros((8, 1), np.float32))
    maps = keras.Model(model.input, model.layers[1].output)(images)
    assert keras.ops.min(maps) == 0
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.layers[1].activation is keras.activations.relu
    np.testing.assert_array_equal(loaded(images), model(images))
