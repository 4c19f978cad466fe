"""What makes training steps faster on a processor, checked against plain Keras, and the command ``benchmark``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import cnnforge

if TYPE_CHECKING:
    import keras


@cnnforge.hookimpl
def cnnforge_commands() -> Iterator[cnnforge.CommandSpec]:
    """Bring the command."""
    yield cnnforge.CommandSpec(
        name="benchmark",
        summary="Measure where the time of a recipe goes on this machine.",
        app="cnnforge_fast_cpu.command:benchmark",
    )


@cnnforge.hookimpl
def cnnforge_model_built(model: keras.Model) -> list[str]:
    """Have a network's training steps computed faster; what they compute stays the same."""
    return make_faster(model)


def make_faster(model: keras.Model) -> list[str]:
    """Have a compiled network's training steps computed faster where TensorFlow trains on a processor.

    Elsewhere Keras compiles the whole step. May be called again when the network was compiled again.

    Returns:
        What was changed, and what would have been but for its check, in words.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        return []
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU") or tf.distribute.has_strategy():
        return []
    from cnnforge_fast_cpu.faster_steps import swap_in

    return swap_in(model)
