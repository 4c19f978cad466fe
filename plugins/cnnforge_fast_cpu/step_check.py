"""Whether a training step made faster computes what plain Keras does: tried on a small batch before training.

Nothing is compiled as a whole, and everything that changes is put back.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Protocol

import keras
import numpy as np
import tensorflow as tf

# Where Keras keeps the generator of random numbers that are given no seed; it has no public name.
from keras.src.backend.common.global_state import get_global_attribute, set_global_attribute

_NUM_IMAGES = 2
_ANY_SIDE = 64  # pixels, where a network takes images of any size
_SEED_GENERATOR = "global_seed_generator"

Results = list[tuple[str, tf.Tensor]]


class Way(Protocol):
    """A way to compute something faster in a training step."""

    def __bool__(self) -> bool:
        """Return whether a network has anything to compute so."""

    def swapped(self) -> AbstractContextManager[None]:
        """Have it computed so for a while."""

    def trials(self, model: keras.Model) -> list[Trial]:
        """Return what to compute of a step, plainly and so, to compare the two."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Something to compute of a training step, and by how much it may differ.

    Args:
        compute: Returns what it computed, with names.
        bound: The largest difference, as a share of a result's norm; 0: no bit may differ.
    """

    compute: Callable[[], Results]
    bound: float


def check_step(model: keras.Model, ways: Sequence[Way]) -> list[str]:
    """Return for each way what it computes otherwise than Keras in a network's step, "" if nothing.

    Each is tried together with those before it that are right.

    Args:
        model: A compiled network; its state and that of its optimizer are afterwards what they were.
        ways: What is to be tried, the most exact first.
    """
    model.optimizer.build(model.trainable_variables)
    state = _State(model)
    right: list[Way] = []
    found = []
    try:
        for way in ways:
            try:
                wrong = _wrong(state, way, right, model)
            except Exception as error:  # whatever it is, Keras's own step is still there
                wrong = f"{type(error).__name__}: {error}".splitlines()[0]
            if not wrong:
                right.append(way)
            found.append(wrong)
    finally:
        state.restore()
    return found


def forward(model: keras.Model) -> tuple[Results, tf.Tensor]:
    """Return outputs, loss and the state that changes of a pass over noise, as in training; and the loss.

    The loss is the squared distance to given numbers, with all that layers add to it: the recipe's own needs targets
    of its own kind, and begins where the network, which alone is computed otherwise, ends.
    """
    generator = np.random.default_rng(0)
    shape = [_ANY_SIDE if size is None else size for size in model.input_shape[1:]]
    images = generator.integers(0, 256, (model.input_shape[0] or _NUM_IMAGES, *shape)).astype(np.float32)
    outputs = [tf.cast(output, tf.float32) for output in keras.tree.flatten(model(images, training=True))]
    distances = [tf.reduce_mean((output - generator.random(output.shape, np.float32)) ** 2) for output in outputs]
    loss = tf.add_n([*distances, *(tf.cast(loss, tf.float32) for loss in model.losses)])
    state = [(variable.path, tf.identity(variable.value)) for variable in model.non_trainable_variables]
    return [*(("an output", output) for output in outputs), ("the loss", loss), *state], loss


def forward_and_backward(model: keras.Model) -> Results:
    """Return what :func:`forward` does, and the gradients."""
    with tf.GradientTape() as tape:
        results, loss = forward(model)
    variables = model.trainable_variables
    gradients = zip(variables, tape.gradient(loss, variables), strict=True)
    return [*results, *((f"the gradient of {v.path}", tf.convert_to_tensor(g)) for v, g in gradients if g is not None)]


class _State:
    """What a step changes: variables, and the generators of random numbers."""

    def __init__(self, model: keras.Model) -> None:
        self._generator = get_global_attribute(_SEED_GENERATOR)
        generators = [] if self._generator is None else [self._generator.state]
        variables = [*model.variables, *model.optimizer.variables, *generators]
        self._values = [(variable, tf.identity(variable.value)) for variable in variables]
        self._python, self._numpy = random.getstate(), np.random.get_state()

    def restore(self) -> None:
        """Put everything back."""
        for variable, value in self._values:
            variable.assign(value)
        random.setstate(self._python)
        np.random.set_state(self._numpy)
        set_global_attribute(_SEED_GENERATOR, self._generator)


def _wrong(state: _State, way: Way, right: Sequence[Way], model: keras.Model) -> str:
    """Return the first result that differs by more than it may, in words, or ""."""
    for trial in way.trials(model):
        state.restore()
        plain = trial.compute()
        state.restore()
        with ExitStack() as stack:
            for other in [*right, way]:
                stack.enter_context(other.swapped())
            ours = trial.compute()
        for (name, one), (_, other) in zip(plain, ours, strict=True):
            distance = _distance(one, other, is_exact=trial.bound == 0)
            if not distance <= trial.bound:  # not a number neither
                return f"{name} differs from Keras's by {distance:.1e} of it, allowed {trial.bound:.0e}"
    return ""


def _distance(one: tf.Tensor, other: tf.Tensor, *, is_exact: bool) -> float:
    """Return how far two results are apart, as a share of the first; 0 only if every bit is the same."""
    if is_exact:
        one, other = (tf.bitcast(x, tf.uint8) if x.dtype.is_floating else x for x in (one, other))
        return 0.0 if bool(tf.reduce_all(one == other)) else 1.0
    one, other = tf.cast(one, tf.float32), tf.cast(other, tf.float32)
    distance = float(tf.norm(one - other))
    return distance / float(tf.norm(one)) if distance else 0.0
