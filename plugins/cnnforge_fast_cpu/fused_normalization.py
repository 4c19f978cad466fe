"""Batch normalization by one kernel in training steps.

On a processor Keras normalises a batch by some twenty operations of TensorFlow, in float32 whatever the policy, each
reading and writing every number of every feature map. TensorFlow has one kernel that does the same in two passes, in
bfloat16 too, with sums in float32. Outside training steps nothing changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from cnnforge.network import leaves
from cnnforge_fast_cpu.plain import is_plain_layer
from cnnforge_fast_cpu.step_check import Results, Trial, forward

# The types that the kernel takes, and by what share of their norm results may differ: their rounding, some times.
_ROUNDING = {"float32": 1e-4, "bfloat16": 1e-2, "float16": 2e-3}


@dataclass(frozen=True, slots=True)
class FusedNormalization:
    """Runs batch normalization as one operation."""

    layers: tuple[keras.layers.Layer, ...]

    @classmethod
    def of(cls, model: keras.Model) -> FusedNormalization:
        """Find the layers that normalise feature maps along their last axis with the batch's own moments."""
        return cls(tuple(layer for layer in dict.fromkeys(leaves(model)) if _can_fuse(layer)))

    def __bool__(self) -> bool:
        return bool(self.layers)

    def trials(self, model: keras.Model) -> list[Trial]:
        """Return what to compare: each layer on numbers of its own, then a pass forward.

        In a deep network rounding moves a number to the other side of a ReLU here and there; so gradients of a whole
        pass tell little, and those of each layer all.
        """
        roundings = [_ROUNDING[layer.compute_dtype] for layer in self.layers]
        return [Trial(self._alone, max(roundings)), Trial(lambda: forward(model)[0], max(0.01, 10 * max(roundings)))]

    def _alone(self) -> Results:
        """Return outputs, moving statistics and gradients of each layer."""
        results: Results = []
        for number, layer in enumerate(self.layers):
            shape = (4, 8, 8, layer.input_spec.axes[layer.axis])
            inputs, upstream = (tf.random.stateless_normal(shape, (seed, number)) for seed in range(2))
            inputs = tf.cast(2 * inputs + 1, layer.compute_dtype)
            parameters = list(layer.trainable_variables)
            with tf.GradientTape() as tape:
                tape.watch(inputs)
                outputs = layer(inputs, training=True)
                loss = tf.reduce_sum(tf.cast(outputs, tf.float32) * upstream)
            values = [outputs, layer.moving_mean.value, layer.moving_variance.value]
            values += tape.gradient(loss, [inputs, *(parameter.value for parameter in parameters)])
            results += [(layer.name, tf.identity(value)) for value in values]
        return results

    def __str__(self) -> str:
        return f"batch normalization in one kernel in {len(self.layers)} layer{'s' * (len(self.layers) != 1)}"

    @contextmanager
    def swapped(self) -> Iterator[None]:
        """Have it computed so for a while."""
        for layer in self.layers:
            layer.call = partial(_normalize, layer, layer.call)
        try:
            yield
        finally:
            for layer in self.layers:
                del layer.call


def _can_fuse(layer: keras.layers.Layer) -> bool:
    return (
        is_plain_layer(layer, keras.layers.BatchNormalization)
        and not (layer.synchronized or layer.renorm)
        and layer.axis in (-1, 3)
        and layer.input_spec.ndim == 4
        and layer.compute_dtype in _ROUNDING
        and layer.trainable
    )


def _normalize(
    layer: keras.layers.BatchNormalization,
    call: Callable[..., Any],
    inputs: Any,
    training: Any = None,
    mask: Any = None,
) -> Any:
    """Normalise a batch of feature maps as ``BatchNormalization.call`` does."""
    if not training or not layer.trainable or mask is not None or inputs.dtype != layer.compute_dtype:
        return call(inputs, training=training, mask=mask)
    channels = inputs.shape[-1]
    outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=inputs,
        scale=tf.cast(layer.gamma, tf.float32) if layer.scale else tf.ones(channels),
        offset=tf.cast(layer.beta, tf.float32) if layer.center else tf.zeros(channels),
        mean=[],
        variance=[],
        epsilon=layer.epsilon,
        is_training=True,
    )
    count = tf.cast(tf.size(inputs) // channels, tf.float32)
    variance *= (count - 1) / count  # the kernel divides by one less, Keras does not
    for moving, now in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
        moving.assign(tf.cast(moving, tf.float32) * layer.momentum + now * (1.0 - layer.momentum))
    return outputs
