"""Optimizer updates of large weights in one pass over memory.

On a processor TensorFlow runs an update as one operation after the other (RMSprop: eight of them), each reading and
writing the whole weight. For the classic network's dense layer of nine million weights that is a tenth of a training
step. XLA makes one loop of them, with the same result up to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import keras
import tensorflow as tf

from cnnforge_fast_cpu.plain import is_plain_optimizer
from cnnforge_fast_cpu.step_check import Results, Trial

_MIN_SIZE = 1_000_000  # weights; smaller ones stay in the processor's cache, and compiling each would take longer
_ROUNDING = 1e-5  # of the norm of a weight or of its state: float32 under every policy

# Those that compute every weight by itself: sums over a weight would be made in another order.
_ELEMENTWISE = tuple(
    getattr(keras.optimizers, name)
    for name in ("SGD", "RMSprop", "Adam", "AdamW", "Adadelta", "Adagrad", "Adamax", "Ftrl", "Lion", "Nadam")
)


@dataclass(frozen=True, slots=True)
class FusedUpdates:
    """Updates large weights in one pass. What comes around it, clipping to constraints, stays Keras's."""

    optimizer: keras.optimizers.Optimizer
    variables: tuple[keras.Variable, ...]

    @classmethod
    def of(cls, model: keras.Model) -> FusedUpdates:
        """Find the weights that are large enough, if the optimizer is Keras's own and XLA works here."""
        large = tuple(variable for variable in model.trainable_variables if math.prod(variable.shape) >= _MIN_SIZE)
        can_fuse = large and is_plain_optimizer(model.optimizer, *_ELEMENTWISE) and _has_xla()
        return cls(model.optimizer, large if can_fuse else ())

    def __bool__(self) -> bool:
        return bool(self.variables)

    def trials(self, model: keras.Model) -> list[Trial]:  # noqa: ARG002
        """Return what to compare: an update."""
        return [Trial(self._update, _ROUNDING)]

    def _update(self) -> Results:
        """Return weights and optimizer state after an update by given gradients: of one weight of each shape."""
        variables = list({tuple(variable.shape): variable for variable in self.variables}.values())
        gradients = [
            tf.cast(tf.reshape(tf.linspace(-0.01, 0.02, math.prod(variable.shape)), variable.shape), variable.dtype)
            for variable in variables
        ]
        # Not the very first step: a schedule may begin at zero. With accumulated gradients, one that does update.
        self.optimizer._iterations.assign(2 * (self.optimizer.gradient_accumulation_steps or 1) - 1)  # noqa: SLF001
        self.optimizer.apply(gradients, variables)
        return [(variable.path, tf.identity(variable.value)) for variable in [*variables, *self.optimizer.variables]]

    def __str__(self) -> str:
        return f"updates in one pass of {len(self.variables)} weight{'s' * (len(self.variables) != 1)}"

    @contextmanager
    def swapped(self) -> Iterator[None]:
        """Have it computed so for a while."""
        update_step = self.optimizer.update_step

        def fused_step(gradient: Any, variable: Any, learning_rate: Any) -> None:
            if variable.shape.num_elements() < _MIN_SIZE or not isinstance(gradient, tf.Tensor):  # sparse
                update_step(gradient, variable, learning_rate)
                return
            compiled = tf.function(lambda *values: update_step(values[0], variable, values[1]), jit_compile=True)
            compiled(gradient, tf.convert_to_tensor(learning_rate))

        self.optimizer.update_step = fused_step
        try:
            yield
        finally:
            del self.optimizer.update_step


@cache
def _has_xla() -> bool:
    """Return whether TensorFlow on this processor is built with XLA for it, which not every build is."""
    try:
        return bool(tf.function(lambda x: x + 1, jit_compile=True)(tf.constant(1)) == 2)
    except tf.errors.OpError:
        return False
