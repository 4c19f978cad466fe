"""A predictor that computes no more images than it must, and gives the same bits all the same."""

from __future__ import annotations

import bisect
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from cnnforge.network import BATCH_SIZE, class_probabilities
from cnnforge.running import TrainedRun

Compute = Callable[[np.ndarray], np.ndarray]

_MULTIPLE = 8  # what the core's predictor fills its batches up to
_TRIED = (1, 2, 3, 4, 6, 8, 12, 16, 20, 24, 28, 32)
_NUM_PROBES = 32
_MIN_DISTINCT = 16  # of the probes' answers; a network that says the same of everything hides differences


class ExactBatches:
    """Computes batches of any size, filled up to one that is known to give the predictor's bits.

    The core's predictor fills every batch up to a multiple of eight, since a backend may compute a small batch with
    other kernels and so with other last bits. TensorFlow on a CPU does for one image, in dense layers alone; there
    the network is computed for one image with its dense layers for two.

    Which sizes give the same bits is a matter of the network, the backend and the machine, so it is tried: the
    probabilities of noise, at every contrast, in batches of each size against those of the predictor. A size that
    differs in one bit is never used.

    Args:
        trained: The run.
    """

    def __init__(self, trained: TrainedRun) -> None:
        predictor = trained.predictor()
        probes = _probes(trained.decoding.shape)
        wanted = predictor(probes)
        self._computes: dict[int, Compute] = dict.fromkeys(range(_MULTIPLE, BATCH_SIZE + 1, _MULTIPLE), predictor)
        if len(np.unique(wanted, axis=0)) >= _MIN_DISTINCT:
            compute = _compiled(trained.model)
            self._computes |= {size: compute for size in _TRIED if _is_equal(compute, size, probes, wanted)}
            paired = None if 1 in self._computes else _with_paired_dense_layers(trained.model)
            if paired is not None and _is_equal(compute := _compiled(paired), 1, probes, wanted):
                self._computes[1] = compute
        self.sizes = sorted(self._computes)
        for size in self.sizes:  # the first batch of each size takes a backend longer
            self._computes[size](probes[:size])

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return the probability of every class, as the core's predictor does.

        Args:
            images: Shape (images, height, width, channels), uint8; at most ``BATCH_SIZE``.

        Returns:
            Shape (images, classes), float32; rows sum to 1.
        """
        missing = self.sizes[bisect.bisect_left(self.sizes, len(images))] - len(images)
        if missing:
            images = np.concatenate([images, np.zeros((missing, *images.shape[1:]), images.dtype)])
        return self._computes[len(images)](images)[: len(images) - missing]


def _compiled(model: keras.Model) -> Compute:
    """Return a network as a function; on TensorFlow without what ``predict_on_batch`` does around each call."""
    if keras.backend.backend() != "tensorflow":
        return lambda images: class_probabilities(model.predict_on_batch(images))
    import tensorflow as tf

    outputs = tf.function(lambda images: model(images, training=False), reduce_retracing=True)
    return lambda images: class_probabilities(outputs(tf.constant(images)).numpy())


def _is_equal(compute: Compute, size: int, probes: np.ndarray, wanted: np.ndarray) -> bool:
    return all(
        np.array_equal(compute(probes[start : start + size]), wanted[start : start + size])
        for start in range(0, len(probes) - size + 1, size)
    )


def _with_paired_dense_layers(model: keras.Model) -> keras.Model | None:
    """Return a network of the same layers for one image whose dense layers see it twice; None if it cannot be had."""

    def call(layer: keras.layers.Layer, images: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(layer, keras.layers.Dense):
            return layer(images, *args, **kwargs)
        pair = layer(keras.ops.concatenate([images, images]), *args, **kwargs)
        return keras.ops.take(pair, [0], axis=0)

    try:
        return keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=call)
    except Exception:  # a subclassed network, or a layer that cannot be called again
        return None


def _probes(shape: tuple[int, int, int]) -> np.ndarray:
    """Return images of noise, shape (images, height, width, channels), uint8: from nearly grey to full contrast."""
    noise = np.random.default_rng(0).uniform(-127, 127, (_NUM_PROBES, *shape))
    contrast = np.linspace(0.05, 1, _NUM_PROBES).reshape(-1, 1, 1, 1)
    return (128 + contrast * noise).astype(np.uint8)
