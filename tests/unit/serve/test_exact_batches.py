"""A batch is filled up no further than the predictor's bits want, and a size that changes a bit is never used."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

from cnnforge.running.trained_run import TrainedRun
from cnnforge_serve import exact_batches
from cnnforge_serve.exact_batches import ExactBatches


def noise(number: int, shape: tuple[int, int, int]) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (number, *shape), np.uint8)


def test_every_size_gives_the_predictors_bits(trained: TrainedRun) -> None:
    images = noise(32, trained.decoding.shape)
    wanted, compute = trained.predictor()(images), ExactBatches(trained)
    for size in range(1, 33):
        np.testing.assert_array_equal(compute(images[:size]), wanted[:size])
    assert {2, 3, 4, 6} <= set(compute.sizes)  # else this machine is an odd one, and the tests of speed are in vain


class Fake:
    """A network whose probabilities are off by a bit in batches of some sizes."""

    decoding = SimpleNamespace(shape=(4, 4, 3))

    def __init__(self, off: set[int], *, says_one_thing: bool = False) -> None:
        self._off, self._says_one_thing = off, says_one_thing
        self.model: Any = self

    def predictor(self) -> Any:
        return lambda images: exact_batches.class_probabilities(self._true(images))

    def _true(self, images: np.ndarray) -> np.ndarray:
        means = images.mean((1, 2, 3), np.float32)[:, None] / 255
        return np.full_like(means, 0.25) if self._says_one_thing else means

    def predict_on_batch(self, images: np.ndarray) -> np.ndarray:
        outputs = self._true(images)
        return np.nextafter(outputs, np.float32(1)) if len(images) in self._off else outputs


@pytest.fixture
def other_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: "another")


MULTIPLES = [8, 16, 24, 32]


@pytest.mark.parametrize(
    ("off", "sizes"),
    [
        (set(), [1, 2, 3, 4, 6, 8, 12, 16, 20, 24, 28, 32]),
        ({1}, [2, 3, 4, 6, 8, 12, 16, 20, 24, 28, 32]),
        ({1, 2, 3, 20}, [4, 6, 8, 12, 16, 24, 28, 32]),
        (set(range(1, 33)), MULTIPLES),
    ],
)
@pytest.mark.usefixtures("other_backend")
def test_a_size_that_changes_a_bit_is_not_used(off: set[int], sizes: list[int]) -> None:
    fake: Any = Fake(off)
    compute = ExactBatches(fake)
    assert compute.sizes == sizes
    images = noise(32, fake.decoding.shape)
    for size in range(1, 33):
        np.testing.assert_array_equal(compute(images[:size]), fake.predictor()(images[:size]))


@pytest.mark.usefixtures("other_backend")
def test_a_network_that_says_the_same_of_everything_proves_nothing() -> None:
    fake: Any = Fake(set(), says_one_thing=True)
    assert ExactBatches(fake).sizes == MULTIPLES


def test_a_subclassed_network_has_no_paired_dense_layers() -> None:
    class Subclassed(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = keras.layers.Dense(2)

        def call(self, images: Any) -> Any:
            return self.dense(images)

    assert exact_batches._with_paired_dense_layers(Subclassed()) is None
