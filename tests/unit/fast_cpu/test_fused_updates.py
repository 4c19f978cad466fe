"""Updates in one pass give what Keras's own give, up to rounding."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from cnnforge_fast_cpu import fused_updates


def trained(optimizer: keras.optimizers.Optimizer, *, fused: bool) -> list[np.ndarray]:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((1000,)), keras.layers.Dense(1001, "relu"), keras.layers.Dense(1)])
    if fused:
        before = optimizer.update_step
        fused_updates.fuse_large_updates(optimizer)
        assert optimizer.update_step is not before
    model.compile(optimizer, "mse")
    generator = np.random.default_rng(0)
    for _ in range(4):
        model.train_on_batch(generator.random((8, 1000), np.float32), generator.random((8, 1), np.float32))
    return [keras.ops.convert_to_numpy(variable) for variable in model.variables + optimizer.variables]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("RMSprop", {}),
        ("RMSprop", {"momentum": 0.9, "centered": True}),
        ("Adam", {"amsgrad": True}),
        ("AdamW", {"weight_decay": 0.01}),
        ("SGD", {"momentum": 0.9, "nesterov": True}),
        ("Lion", {}),
        ("Adam", {"use_ema": True, "clipnorm": 1.0}),
    ],
)
def test_the_weights_are_those_of_the_plain_optimizer(name: str, arguments: dict[str, object]) -> None:
    optimizer = getattr(keras.optimizers, name)
    plain = trained(optimizer(learning_rate=0.01, **arguments), fused=False)
    ours = trained(optimizer(learning_rate=0.01, **arguments), fused=True)
    for one, other in zip(plain, ours, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_without_xla_the_optimizer_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fused_updates, "_can_fuse", lambda: False)
    optimizer = keras.optimizers.RMSprop()
    before = optimizer.update_step
    fused_updates.fuse_large_updates(optimizer)
    assert optimizer.update_step == before
