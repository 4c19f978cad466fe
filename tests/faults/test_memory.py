"""Running out of memory, really: a layer that asks TensorFlow for more than any machine has."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from cnnforge.data.feed import Feed
from cnnforge.errors import PluginError, TrainingError
from cnnforge.training.failures import explain_memory_errors
from tests.unit.data.test_feed import NumberedRows

pytestmark = pytest.mark.faults  # TensorFlow asks the system for memory for ten seconds before it gives up


class Greedy(keras.layers.Layer):
    """Needs 40 TB for a batch of more images than ``limit``."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        size = tf.where(tf.shape(inputs)[0] > self.limit, tf.constant(10**13, tf.int64), 1)
        return inputs + tf.reduce_sum(tf.random.uniform([size]))


def network(limit: int) -> keras.Model:
    layers = [keras.Input((1, 1, 3)), Greedy(limit), keras.layers.Flatten(), keras.layers.Dense(1)]
    model = keras.Sequential(layers)
    model.compile(loss="mse")
    return model


def feed() -> Feed:
    return Feed(NumberedRows(), np.arange(100), np.zeros((100, 1), np.float32), 32)


@pytest.mark.parametrize(("limit", "fitting"), [(31, 16), (5, 4), (1, 1)])
def test_a_batch_size_that_fits_is_found_by_trying(limit: int, fitting: int) -> None:
    with pytest.raises(TrainingError, match=r"training.batch_size=32, received ResourceExhaustedError") as caught:  # noqa: SIM117
        with explain_memory_errors(lambda: network(limit), feed()):
            network(limit).fit(feed(), verbose=0)
    assert caught.value.hint == f"a step of {fitting} images fits: --set training.batch_size={fitting}"
    assert caught.value.exit_code == 5


def test_a_network_too_large_for_one_image_is_said() -> None:
    with pytest.raises(TrainingError) as caught, explain_memory_errors(lambda: network(0), feed()):
        raise MemoryError
    assert "not even a step of one image fits" in caught.value.hint


def test_memory_that_ends_while_a_plugin_builds_is_memory_too() -> None:
    with (
        pytest.raises(TrainingError, match=r"training.batch_size=32"),
        explain_memory_errors(lambda: network(9), feed()),
    ):
        raise PluginError("it failed") from MemoryError()


def test_other_errors_are_left_alone() -> None:
    with pytest.raises(ZeroDivisionError), explain_memory_errors(lambda: network(9), feed()):
        raise ZeroDivisionError
