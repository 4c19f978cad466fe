"""Pillow's resizing as TensorFlow operations, so that an exported model resizes as training did.

``tf.image.resize`` is no substitute: its filters differ, and neither ONNX nor LiteRT has its antialiasing. Here the
resampling along one axis is a product with a matrix of weights, for which every format has an operation. The weights
are computed from the image's size in the graph, with Pillow's filters (``src/libImaging/Resample.c``), in double
precision; as there, the result is rounded to whole numbers after each axis.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import tensorflow as tf

_UNIT = 2.0**22


def resize(images: tf.Tensor, height: int, width: int, interpolation: str) -> tf.Tensor:
    """Return the images at another size, their proportions not kept.

    Args:
        images: Shape (images, any height, any width, channels), float32 from 0 to 255.
        height: Of the result.
        width: Of the result.
        interpolation: ``nearest``, ``bilinear``, ``bicubic`` or ``lanczos``.

    Returns:
        Shape (images, height, width, channels), float32, whole numbers: what Pillow gives, but for a few pixels that
        are one off where a sum lies within a rounding error of a half.
    """
    resample = _pick if interpolation == "nearest" else _weigh

    def along_height(images: tf.Tensor) -> tf.Tensor:
        return resample(images, height, interpolation)

    def along_width(images: tf.Tensor) -> tf.Tensor:
        return tf.transpose(resample(tf.transpose(images, (0, 2, 1, 3)), width, interpolation), (0, 2, 1, 3))

    too_high, too_wide = tf.shape(images)[1] - height, tf.shape(images)[2] - width
    resized = tf.cond(
        (too_high > 0) & (too_high > 2 * too_wide),  # the order in which Pillow 13 takes the axes
        lambda: along_width(along_height(images)),
        lambda: along_height(along_width(images)),
    )
    return tf.ensure_shape(resized, (None, height, width, images.shape[-1]))


def _pick(images: tf.Tensor, size: int, _: str) -> tf.Tensor:
    """Return the rows in whose middle those of the result lie, summed up step by step as Pillow does."""
    step = _step(tf.shape(images)[1], size)
    positions = tf.cumsum(tf.concat([[step / 2], tf.repeat(step, size - 1)], axis=0))
    return tf.gather(images, tf.cast(positions, tf.int32), axis=1)


def _weigh(images: tf.Tensor, size: int, interpolation: str) -> tf.Tensor:
    """Return weighted sums of rows, shape (images, size, width, channels)."""
    shape = tf.shape(images)
    flat = tf.reshape(tf.cast(images, tf.float64), (shape[0], shape[1], shape[2] * images.shape[3]))
    sums = tf.matmul(_weights(shape[1], size, interpolation), flat)
    levels = tf.clip_by_value(tf.floor(sums / _UNIT + 0.5), 0, 255)
    return tf.reshape(tf.cast(levels, tf.float32), (shape[0], size, shape[2], images.shape[3]))


def _weights(in_size: tf.Tensor, out_size: int, interpolation: str) -> tf.Tensor:
    """Return the weight of every row in every row of the result, shape (out_size, in_size)."""
    kernel = _KERNELS[interpolation]
    scale = _step(in_size, out_size)
    centres = (tf.range(out_size, dtype=tf.float64)[:, None] + 0.5) * scale
    rows = tf.cast(tf.range(in_size), tf.float64)[None, :] + 0.5
    weights = kernel((rows - centres) / tf.maximum(scale, 1.0))  # when shrinking, the filter is as wide as the step
    return _rounded(weights / tf.reduce_sum(weights, axis=1, keepdims=True) * _UNIT)


def _step(in_size: tf.Tensor, out_size: int) -> tf.Tensor:
    # Were the divisor a constant, TensorFlow would multiply with its reciprocal, and the last bit would differ.
    return tf.cast(in_size, tf.float64) / tf.cast(out_size + tf.minimum(in_size, 0), tf.float64)


def _rounded(x: tf.Tensor) -> tf.Tensor:
    """Return the nearest whole numbers, halves away from zero."""
    return tf.sign(x) * tf.floor(tf.abs(x) + 0.5)


def _bilinear(x: tf.Tensor) -> tf.Tensor:
    return tf.maximum(1 - tf.abs(x), 0)


def _bicubic(x: tf.Tensor, a: float = -0.5) -> tf.Tensor:
    x = tf.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return tf.where(x < 1, near, tf.where(x < 2, far, tf.zeros_like(x)))


def _lanczos(x: tf.Tensor) -> tf.Tensor:
    return tf.where(tf.abs(x) < 3, _sinc(x) * _sinc(x / 3), tf.zeros_like(x))


def _sinc(x: tf.Tensor) -> tf.Tensor:
    is_middle = tf.equal(x, 0)
    angle = math.pi * tf.where(is_middle, tf.ones_like(x), x)
    return tf.where(is_middle, tf.ones_like(x), tf.sin(angle) / angle)


_KERNELS: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "bilinear": _bilinear,
    "bicubic": _bicubic,
    "lanczos": _lanczos,
}
