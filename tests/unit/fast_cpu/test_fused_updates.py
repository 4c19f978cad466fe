"""Updates in one pass give what Keras's own give, up to rounding, and only Keras's own are computed so."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from cnnforge_fast_cpu import fused_updates, make_faster

pytestmark = pytest.mark.slow

SAID = ["updates in one pass of 1 weight"]


def network(*, policy: str = "float32", **dense: Any) -> keras.Model:
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(1001, "relu", dtype=policy, **dense), keras.layers.Dense(1, dtype="float32")]
    return keras.Sequential([keras.Input((1000,)), *layers])


def trained(optimizer: keras.optimizers.Optimizer, *, fused: bool, **dense: Any) -> list[np.ndarray]:
    model = network(**dense)
    model.compile(optimizer, "mse")
    if fused:
        assert make_faster(model) == SAID
    generator = np.random.default_rng(0)
    for _ in range(4):
        model.train_on_batch(generator.random((8, 1000), np.float32), generator.random((8, 1), np.float32))
    return [keras.ops.convert_to_numpy(variable) for variable in model.variables + optimizer.variables]


def assert_alike(name: str, arguments: dict[str, Any], **dense: Any) -> None:
    plain, ours = (
        trained(getattr(keras.optimizers, name)(**{"learning_rate": 0.01} | arguments), fused=fused, **dense)
        for fused in (False, True)
    )
    for one, other in zip(plain, ours, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("RMSprop", {}),
        ("RMSprop", {"momentum": 0.9, "centered": True}),
        ("Adam", {"amsgrad": True}),
        ("AdamW", {"weight_decay": 0.01}),
        ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
        ("SGD", {"global_clipnorm": 0.1}),
        ("Adagrad", {}),
        ("Nadam", {}),
        ("Adamax", {"clipvalue": 0.1}),
        ("Lion", {}),
        ("Adam", {"use_ema": True, "ema_overwrite_frequency": 2, "clipnorm": 1.0}),
        ("Adam", {"gradient_accumulation_steps": 2, "loss_scale_factor": 8.0}),
        ("SGD", {"learning_rate": keras.optimizers.schedules.CosineDecay(0.0, 9, warmup_target=0.1, warmup_steps=2)}),
    ],
)
def test_the_weights_are_those_of_the_plain_optimizer(name: str, arguments: dict[str, Any]) -> None:
    assert_alike(name, arguments)


@pytest.mark.parametrize(
    "dense", [{"kernel_constraint": "max_norm"}, {"kernel_regularizer": "l2"}, {"policy": "mixed_bfloat16"}]
)
def test_what_is_attached_to_a_weight_stays(dense: dict[str, Any]) -> None:
    if "kernel_constraint" in dense:
        dense = {"kernel_constraint": keras.constraints.MaxNorm(0.1)}
    assert_alike("RMSprop", {}, **dense)


class OwnAdam(keras.optimizers.Adam):
    """An optimizer of somebody else's."""


def patched() -> keras.optimizers.Optimizer:
    optimizer = keras.optimizers.SGD()
    optimizer.update_step = lambda gradient, variable, learning_rate: None
    return optimizer


@pytest.mark.parametrize(
    "make",
    [
        OwnAdam,
        patched,
        keras.optimizers.Lamb,
        keras.optimizers.Adafactor,
        lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD()),
    ],
)
def test_other_optimizers_stay_as_they_are(make: Any) -> None:
    model = network()
    model.compile(make(), "mse")
    assert make_faster(model) == []
    assert "train_step" not in vars(model)


def test_sparse_gradients_are_left_to_the_optimizer() -> None:
    variable = keras.Variable(np.ones((1001, 1000), np.float32))
    model = network()
    model.compile(keras.optimizers.SGD(1.0), "mse")
    with fused_updates.FusedUpdates(model.optimizer, (variable,)).swapped():
        model.optimizer.apply([tf.IndexedSlices(tf.ones((1, 1000)), tf.constant([7]), (1001, 1000))], [variable])
    values = keras.ops.convert_to_numpy(variable)
    assert (values[7] == 0).all() and values.sum() == 1000 * 1000


def test_without_xla_the_optimizer_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fused_updates, "_has_xla", lambda: False)
    model = network()
    model.compile(keras.optimizers.RMSprop(), "mse")
    assert make_faster(model) == []
