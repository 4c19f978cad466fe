"""Optimizer updates of large weights in one pass over memory.

On a processor TensorFlow runs an update as one operation after the other (RMSprop: eight of them), each reading and
writing the whole weight. For the classic network's dense layer of nine million weights that is a tenth of a training
step. XLA makes one loop of them, with the same result up to rounding.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import keras

_MIN_SIZE = 1_000_000  # weights; smaller ones stay in the processor's cache, and compiling each would take longer


def fuse_large_updates(optimizer: keras.optimizers.Optimizer) -> None:
    """Have an optimizer update large weights in one pass where that helps: TensorFlow, on a processor."""
    if not _can_fuse():
        return
    import tensorflow as tf

    update_step = optimizer.update_step

    def fused_step(gradient: Any, variable: Any, learning_rate: Any) -> None:
        if variable.shape.num_elements() < _MIN_SIZE or not tf.is_tensor(gradient):
            update_step(gradient, variable, learning_rate)
            return
        compiled = tf.function(lambda *values: update_step(values[0], variable, values[1]), jit_compile=True)
        compiled(gradient, tf.convert_to_tensor(learning_rate))

    optimizer.update_step = fused_step


def is_tensorflow_on_processor() -> bool:
    """Return whether TensorFlow trains on a processor; elsewhere Keras compiles the whole step."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return not tf.config.list_physical_devices("GPU")


@cache
def _can_fuse() -> bool:
    """Return whether TensorFlow on this processor is built with XLA for it, which not every build is."""
    if not is_tensorflow_on_processor():
        return False
    import tensorflow as tf

    try:
        return bool(tf.function(lambda x: x + 1, jit_compile=True)(tf.constant(1)) == 2)
    except tf.errors.OpError:
        return False
