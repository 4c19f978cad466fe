"""Batch normalization in one kernel trains as Keras's does, and is Keras's everywhere else."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf

from cnnforge_fast_cpu import make_faster

pytestmark = pytest.mark.slow

LAYERS = keras.layers
SHAPE = (12, 12, 3)
KERNEL = "FusedBatchNormV3"


class Normalization(LAYERS.BatchNormalization):
    """A layer of somebody else's."""


def network(*normalizations: keras.layers.Layer) -> keras.Model:
    images = x = keras.Input(SHAPE)
    for normalization in normalizations:
        x = LAYERS.Activation("relu")(normalization(LAYERS.Conv2D(4, 3)(x)))
    return keras.Model(images, LAYERS.Dense(1, "sigmoid")(LAYERS.Flatten()(x)))


def usual() -> keras.Model:
    return network(LAYERS.BatchNormalization(), LAYERS.BatchNormalization(momentum=0.8, epsilon=1e-5))


def without_scale_and_center() -> keras.Model:
    return network(LAYERS.BatchNormalization(scale=False), LAYERS.BatchNormalization(center=False, axis=3))


def nested() -> keras.Model:
    images = keras.Input(SHAPE)
    return keras.Model(images, usual()(images))


def sequential() -> keras.Model:
    return keras.Sequential([keras.Input(SHAPE), LAYERS.BatchNormalization(), LAYERS.Flatten(), LAYERS.Dense(1)])


def of_rows() -> keras.Model:
    return network(LAYERS.BatchNormalization(axis=1))


def of_features() -> keras.Model:
    images = keras.Input(SHAPE)
    return keras.Model(images, LAYERS.Dense(1)(LAYERS.BatchNormalization()(LAYERS.Flatten()(images))))


def frozen() -> keras.Model:
    model = network(LAYERS.BatchNormalization())
    model.layers[2].trainable = False
    return model


def of_somebody_else() -> keras.Model:
    return network(Normalization())


def with_renormalization() -> keras.Model:
    return network(LAYERS.BatchNormalization(renorm=True))


FUSED = [usual, without_scale_and_center, nested, sequential]
AS_BEFORE = [of_rows, of_features, frozen, of_somebody_else, with_renormalization]


def batch(seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return generator.normal(3, 2, (7, *SHAPE)).astype(np.float32), generator.random((7, 1), np.float32)


def built(build: Callable[[], keras.Model], policy: str, *, is_fused: bool) -> keras.Model:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        keras.utils.set_random_seed(0)
        model = build()
    finally:
        keras.config.set_dtype_policy(before)
    model.compile(keras.optimizers.SGD(0.05), "mse")
    if is_fused:
        said = make_faster(model)
        assert [line for line in said if line.startswith("batch normalization")] == said
        assert bool(said) == (build in FUSED and policy != "float64")
        assert not any("switched off" in line for line in said)
    return model


def trained(build: Callable[[], keras.Model], policy: str, *, is_fused: bool) -> list[np.ndarray]:
    model = built(build, policy, is_fused=is_fused)
    for step in range(4):
        model.train_on_batch(*batch(step))
    return [keras.ops.convert_to_numpy(variable) for variable in model.variables]


def kernels(model: keras.Model, *, training: bool) -> set[str]:
    @tf.function  # type: ignore[untyped-decorator]
    def function(images: tf.Tensor) -> tf.Tensor:
        if not training:
            return model(images)
        targets = tf.zeros((1, 1))
        return model.train_step((images, targets))

    graph = function.get_concrete_function(tf.TensorSpec((1, *SHAPE))).graph
    return {operation.type for operation in graph.get_operations()}


@pytest.mark.parametrize("build", [*FUSED, *AS_BEFORE])
@pytest.mark.parametrize(
    ("policy", "tolerance"), [("float32", 1e-5), ("mixed_bfloat16", 2e-2), ("mixed_float16", 1e-2), ("float64", 1e-9)]
)
def test_weights_and_moving_statistics_are_keras_s(
    build: Callable[[], keras.Model], policy: str, tolerance: float
) -> None:
    plain, ours = (trained(build, policy, is_fused=is_fused) for is_fused in (False, True))
    for one, other in zip(plain, ours, strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("build", [*FUSED, *AS_BEFORE])
def test_the_kernel_is_used_in_training_alone(build: Callable[[], keras.Model]) -> None:
    model = built(build, "float32", is_fused=True)
    assert (KERNEL in kernels(model, training=True)) == (build in FUSED)
    assert KERNEL not in kernels(model, training=False)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_the_same_steps_give_the_same_bits(policy: str) -> None:
    one, other = (trained(usual, policy, is_fused=True) for _ in range(2))
    for first, second in zip(one, other, strict=True):
        np.testing.assert_array_equal(first, second)


def test_predictions_are_keras_s_to_the_bit() -> None:
    plain, ours = (built(usual, "float32", is_fused=is_fused) for is_fused in (False, True))
    np.testing.assert_array_equal(plain.predict_on_batch(batch(0)[0]), ours.predict_on_batch(batch(0)[0]))


def test_a_layer_frozen_later_is_keras_s_again() -> None:
    model = built(usual, "float32", is_fused=True)
    for layer in model.layers[:-1]:
        layer.trainable = False
    assert KERNEL not in kernels(model, training=True)
