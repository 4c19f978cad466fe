"""``Normalization`` layers, which compute with a mean and a variance that they are to be given before training."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

_BATCH_SIZE = 32


def normalizations(model: keras.Model) -> list[keras.layers.Normalization]:
    """Return the normalization layers of a network, those within other layers included."""
    layers = model._flatten_layers()  # noqa: SLF001 (Keras has no public name for the layers within layers)
    return [layer for layer in layers if isinstance(layer, keras.layers.Normalization)]


def finalize_constants(model: keras.Model) -> None:
    """Bring up to date, after a model's variables were given values, what layers made of these as constants."""
    for layer in normalizations(model):
        layer.finalize_state()


def unadapted(model: keras.Model) -> list[keras.layers.Normalization]:
    """Return the normalization layers that were given no statistics: they would pass on what they are given."""
    return [
        layer
        for layer in normalizations(model)
        if layer.input_mean is None
        and not np.any(keras.ops.convert_to_numpy(layer.adapt_mean))
        and np.all(keras.ops.convert_to_numpy(layer.adapt_variance) == 1)
    ]


def adapt_normalization(model: keras.Model, images: np.ndarray) -> int:
    """Give normalization layers without statistics those of what reaches them of images; return how many there are.

    Args:
        model: A built network.
        images: Training images, shape (images, height, width, channels), 0 to 255.
    """
    layers = unadapted(model)
    for layer in layers:  # one by one: what one normalizes may reach the next
        layer.adapt(_inputs_of(layer, model, images))
    return len(layers)


def _inputs_of(layer: keras.layers.Layer, model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Return what a layer is given while a network computes images."""
    call, seen = layer.call, []

    def observed(inputs: Any) -> Any:
        seen.append(keras.ops.convert_to_numpy(inputs))
        return call(inputs)

    vars(layer)["call"] = observed  # for this layer alone, in the way of the method of its class
    try:
        for start in range(0, len(images), _BATCH_SIZE):
            model(images[start : start + _BATCH_SIZE].astype(np.float32), training=False)
    finally:
        del vars(layer)["call"]
    return np.concatenate(seen)
