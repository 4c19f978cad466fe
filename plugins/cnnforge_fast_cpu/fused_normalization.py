"""Batch normalization by one kernel in training steps.

On a processor Keras normalises a batch by some twenty operations of TensorFlow, in float32 whatever the policy, each
reading and writing every number of every feature map. TensorFlow has one kernel that does the same in two passes, in
bfloat16 too, with sums in float32. Outside training steps nothing changes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import keras

from cnnforge.network import leaves
from cnnforge_fast_cpu.fused_updates import is_tensorflow_on_processor


def fuse_normalization(model: keras.Model) -> None:
    """Have a network's batch normalization run as one operation in training: TensorFlow, on a processor.

    Subclasses of Keras's layer stay as they are, and layers that normalise with other machines, with
    renormalization, or along another axis than the last.
    """
    if is_tensorflow_on_processor():
        for layer in filter(_can_fuse, leaves(model)):
            layer.call = partial(_normalize, layer, layer.call)


def _can_fuse(layer: keras.layers.Layer) -> bool:
    return type(layer) is keras.layers.BatchNormalization and not (layer.synchronized or layer.renorm)


def _normalize(
    layer: keras.layers.BatchNormalization,
    call: Callable[..., Any],
    inputs: Any,
    training: Any = None,
    mask: Any = None,
) -> Any:
    """Normalise a batch of feature maps as ``BatchNormalization.call`` does."""
    is_of_maps = len(inputs.shape) == 4 and layer.axis in (-1, 3) and mask is None
    if not (training and layer.trainable and is_of_maps):
        return call(inputs, training=training, mask=mask)
    import tensorflow as tf

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
        moving.assign(moving * layer.momentum + now * (1.0 - layer.momentum))
    return outputs
