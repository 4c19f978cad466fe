"""Faster steps train as Keras's own do, whatever is attached to a network; where they would not, they are off."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from cnnforge_fast_cpu import faster_steps, make_faster
from cnnforge_fast_cpu.fused_normalization import FusedNormalization
from cnnforge_fast_cpu.late_relu import LateRelu

pytestmark = pytest.mark.slow

LAYERS = keras.layers
SHAPE = (16, 16, 3)
Build = Callable[[], keras.Model]


@pytest.fixture(autouse=True)
def checked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faster_steps, "_checked", {})


def ended(images: Any, x: Any, kind: type[keras.Model] = keras.Model) -> keras.Model:
    return kind(images, LAYERS.Dense(1, "sigmoid", dtype="float32")(LAYERS.GlobalAveragePooling2D()(x)))


def pooled(between: Callable[[Any], Any] = lambda x: x, kind: type = LAYERS.Conv2D, **arguments: Any) -> keras.Model:
    """A network with a convolution that goes into a pooling, if nothing is between the two."""
    images = keras.Input(SHAPE)
    x = LAYERS.Rescaling(1 / 255)(images)
    x = kind(8, 3, activation="relu", **arguments)(x)
    return ended(images, LAYERS.MaxPooling2D(2)(between(x)))


def normalised(**arguments: Any) -> keras.Model:
    images = keras.Input(SHAPE)
    x = LAYERS.Conv2D(4, 3)(images)
    x = LAYERS.Activation("relu")(LAYERS.BatchNormalization(**arguments)(x))
    return ended(images, LAYERS.AveragePooling2D(2)(x))


class ShiftedConvolution(LAYERS.Conv2D):
    def call(self, inputs: Any) -> Any:
        return super().call(inputs) - 1.0


def overridden_call() -> keras.Model:
    model = pooled()
    layer = model.layers[2]
    call = layer.call
    layer.call = lambda inputs: call(inputs) - 1.0
    return model


def with_lora() -> keras.Model:
    model = pooled()
    model.layers[2].enable_lora(2)
    return model


def shared() -> keras.Model:
    images = keras.Input(SHAPE)
    convolution = LAYERS.Conv2D(3, 3, padding="same", activation="relu")
    return ended(images, LAYERS.MaxPooling2D(2)(convolution(convolution(LAYERS.Rescaling(1 / 255)(images)))))


def held_by_another() -> keras.Model:
    """A convolution that a network within calls too, and gives on without pooling."""
    images = keras.Input(SHAPE)
    maps = LAYERS.Conv2D(4, 3, activation="relu")(images)
    features = keras.Model(images, maps)
    both = LAYERS.Concatenate()([LAYERS.MaxPooling2D(2)(maps), LAYERS.AveragePooling2D(2)(features(images))])
    return ended(images, both)


def of_two_types() -> keras.Model:
    """Rounded between ReLU and pooling."""
    images = keras.Input(SHAPE)
    x = LAYERS.Conv2D(4, 3, activation="relu", dtype="float32")(images)
    return ended(images, LAYERS.MaxPooling2D(2, dtype="float16")(x))


def masked() -> keras.Model:
    images = keras.Input(SHAPE)
    x = LAYERS.Masking()(LAYERS.Rescaling(1 / 255)(images))
    return ended(images, LAYERS.MaxPooling2D(2)(LAYERS.Activation("relu")(x)))


class OwnStep(keras.Model):
    def train_step(self, data: Any) -> Any:
        return super().train_step(data)


class Blocks(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = [LAYERS.Conv2D(4, 3, activation="relu"), LAYERS.MaxPooling2D(2), LAYERS.GlobalAveragePooling2D()]
        self.head = LAYERS.Dense(1, "sigmoid")

    def call(self, x: Any) -> Any:
        for block in self.blocks:
            x = block(x)
        return self.head(x)


def subclassed() -> keras.Model:
    model = Blocks()
    model(np.zeros((1, *SHAPE), np.float32))
    return model


def with_own_step() -> keras.Model:
    images = keras.Input(SHAPE)
    return ended(images, LAYERS.MaxPooling2D(2)(LAYERS.Conv2D(4, 3, activation="relu")(images)), OwnStep)


def step_replaced() -> keras.Model:
    model = pooled()
    step = model.train_step
    model.train_step = lambda data: step(data)
    return model


def regularised_activity() -> keras.Model:
    return pooled(activity_regularizer=keras.regularizers.L1(1e-2))


def regularised_identity() -> keras.Model:
    return pooled(LAYERS.Identity(), activity_regularizer=keras.regularizers.L1(1e-2))


def convolution_and_more() -> keras.Model:
    return pooled(kind=ShiftedConvolution)


def convolution_identity() -> keras.Model:
    return pooled(LAYERS.Identity(), kind=ShiftedConvolution)


LEFT_ALONE: dict[str, Build] = {
    "activity regulariser": regularised_activity,
    "kernel regulariser": lambda: pooled(kernel_regularizer="l2"),
    "bias constraint": lambda: pooled(bias_constraint="non_neg"),
    "subclass of a layer": convolution_and_more,
    "call of one layer replaced": overridden_call,
    "LoRA": with_lora,
    "layer used twice": shared,
    "layer of a network within": held_by_another,
    "rounded in between": of_two_types,
    "subclass of a model": subclassed,
    "own train_step": with_own_step,
    "train_step of one model replaced": step_replaced,
    "normalization: regulariser": lambda: normalised(gamma_regularizer="l2"),
    "normalization: constraint": lambda: normalised(beta_constraint="non_neg"),
    "normalization: renormalization": lambda: normalised(renorm=True),
    "normalization: synchronized": lambda: normalised(synchronized=True),
    "normalization: frozen": lambda: normalised(trainable=False),
    "normalization: another axis": lambda: normalised(axis=1),
}
MADE_FASTER: dict[str, Build] = {
    "convolution": pooled,
    "frozen convolution": lambda: pooled(trainable=False),
    "masked": masked,
    "normalization": normalised,
    "normalization of bfloat16": lambda: normalised(dtype="mixed_bfloat16"),
}


def losses(build: Build, *, faster: bool) -> tuple[list[float], list[str]]:
    keras.utils.set_random_seed(0)
    model = build()
    model.compile(keras.optimizers.RMSprop(0.01), "binary_crossentropy")
    said = make_faster(model) if faster else []
    generator = np.random.default_rng(1)
    images = generator.integers(0, 256, (32, *SHAPE)).astype(np.float32)
    targets = generator.integers(0, 2, (32, 1)).astype(np.float32)
    history = model.fit(images, targets, batch_size=8, epochs=3, shuffle=False, verbose=0)
    return history.history["loss"], said


@pytest.mark.parametrize("build", LEFT_ALONE.values(), ids=LEFT_ALONE)
def test_what_has_something_attached_is_left_alone(build: Build) -> None:
    ours, said = losses(build, faster=True)
    assert said == []
    assert ours == losses(build, faster=False)[0]


@pytest.mark.filterwarnings("ignore:.*does not support masking")
@pytest.mark.parametrize("build", MADE_FASTER.values(), ids=MADE_FASTER)
def test_what_is_keras_s_own_is_made_faster(build: Build) -> None:
    ours, said = losses(build, faster=True)
    assert len(said) == 1
    assert "off" not in said[0]
    assert ours == pytest.approx(losses(build, faster=False)[0], rel=5e-3 if "kernel" in said[0] else 0)


@pytest.mark.parametrize(
    ("one", "other"), [(regularised_activity, regularised_identity), (convolution_and_more, convolution_identity)]
)
def test_an_identity_in_between_changes_nothing(one: Build, other: Build) -> None:
    assert losses(one, faster=True)[0] == losses(other, faster=True)[0]


def test_a_closure_that_no_graph_shows_is_found_by_the_check() -> None:
    """A layer calls a convolution that it does not own: only trying a step can tell."""

    def build() -> keras.Model:
        images = keras.Input(SHAPE)
        convolution = LAYERS.Conv2D(4, 3, activation="relu")
        x = LAYERS.MaxPooling2D(2)(convolution(LAYERS.Rescaling(1 / 255)(images)))
        seen = LAYERS.Lambda(lambda x: convolution(x), output_shape=(14, 14, 4))(images)
        return ended(images, LAYERS.Concatenate()([x, LAYERS.AveragePooling2D(2)(seen)]))

    ours, said = losses(build, faster=True)
    assert said == [
        "ReLU after the pooling in 1 layer switched off: an output differs from Keras's by 1.0e+00 of it, allowed 0e+00"
    ]
    assert ours == losses(build, faster=False)[0]


def everything() -> keras.Model:
    """A network with all that a check could leave traces in."""
    images = keras.Input(SHAPE)
    x = LAYERS.GaussianNoise(0.1)(LAYERS.Rescaling(1 / 255)(images))
    x = LAYERS.MaxPooling2D(2)(LAYERS.Conv2D(8, 3, activation="relu")(x))
    x = LAYERS.Activation("relu")(LAYERS.BatchNormalization()(LAYERS.Conv2D(8, 3)(x)))
    x = LAYERS.Dropout(0.5)(LAYERS.Dense(1100, "relu")(LAYERS.Dense(1000, "relu")(LAYERS.Flatten()(x))))
    return keras.Model(images, LAYERS.Dense(1, "sigmoid")(x))


def compiled(build: Build) -> keras.Model:
    keras.utils.set_random_seed(3)
    model = build()
    model.compile(keras.optimizers.Adam(0.01, use_ema=True), "binary_crossentropy", metrics=["accuracy"])
    return model


def test_the_check_leaves_no_trace() -> None:
    """What is trained after a check has the bits of what is trained without one."""

    def trained(*, check: bool) -> tuple[list[np.ndarray], float]:
        model = compiled(everything)
        if check:
            assert len(make_faster(model)) == 3
            del model.train_step
        generator = np.random.default_rng(1)
        for _ in range(3):
            model.train_on_batch(generator.random((8, *SHAPE)), generator.integers(0, 2, (8, 1)))
        drawn = float(random.random() + np.random.random() + float(keras.random.uniform(())))
        return [keras.ops.convert_to_numpy(v) for v in [*model.variables, *model.optimizer.variables]], drawn

    (plain, drawn), (ours, drawn_after) = trained(check=False), trained(check=True)
    assert drawn == drawn_after
    for one, other in zip(plain, ours, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_way_that_is_wrong_is_switched_off_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = tf.raw_ops.FusedBatchNormV3

    def biased(**arguments: Any) -> Any:
        outputs, *others = kernel(**arguments)
        return outputs * 1.001, *others

    monkeypatch.setattr(tf.raw_ops, "FusedBatchNormV3", biased)
    late, normalization, updates = make_faster(compiled(everything))
    assert late == "ReLU after the pooling in 1 layer"
    assert normalization.startswith("batch normalization in one kernel in 1 layer switched off: batch_normalization")
    assert updates == "updates in one pass of 1 weight"


def test_a_way_that_fails_is_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def broken(self: object) -> Iterator[None]:
        raise RuntimeError("no such thing here")
        yield

    monkeypatch.setattr(LateRelu, "swapped", broken)
    monkeypatch.setattr(FusedNormalization, "swapped", broken)
    model = compiled(everything)
    off = "switched off: RuntimeError: no such thing here"
    said = make_faster(model)
    assert [off in line for line in said] == [True, True, False]
    model.train_on_batch(np.zeros((2, *SHAPE)), np.zeros((2, 1)))


def test_a_network_built_again_is_not_checked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    said = make_faster(compiled(everything))
    monkeypatch.setattr(faster_steps, "check_step", lambda *_: pytest.fail("checked again"))
    assert make_faster(compiled(everything)) == said


def test_a_network_compiled_again_is_made_faster_once() -> None:
    model = compiled(everything)
    make_faster(model)
    model.layers[2].trainable = False
    model.compile(keras.optimizers.SGD(0.01), "binary_crossentropy")
    assert len(make_faster(model)) == 3
    assert not isinstance(model.train_step._train_step, faster_steps._FasterStep)
