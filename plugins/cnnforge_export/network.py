"""The network as other programs want it: uint8 images in, the probability of every class out."""

from __future__ import annotations

import keras
import tensorflow as tf

from cnnforge.data import DecodeSettings
from cnnforge.runs import TrainedRun
from cnnforge_export.resize import resize


def exportable(trained: TrainedRun, *, any_size: bool) -> keras.Model:
    """Return the network between a uint8 input and one output for each class.

    Args:
        trained: The run.
        any_size: Resize in the network, so that it takes images of any size; else only those of its own.

    Returns:
        A model from ``images``, shape (images, height, width, channels), 0 to 255, to probabilities, shape (images,
        classes), float32.
    """
    height, width, channels = trained.decoding.shape
    inputs = keras.Input(
        (None, None, channels) if any_size else (height, width, channels), dtype="uint8", name="images"
    )
    pixels = keras.ops.cast(inputs, "float32")
    if any_size:
        pixels = _Resize(trained.decoding)(pixels)
    model = keras.Model(inputs, {"probabilities": every_class(trained.model(pixels, training=False))})
    model(keras.ops.zeros((1, height, width, channels), "uint8"))  # Keras exports no model that was never called
    return model


def every_class(outputs: keras.KerasTensor) -> keras.KerasTensor:
    """Return the probabilities of all classes, shape (images, classes): one sigmoid column becomes two."""
    if outputs.shape[-1] != 1:
        return outputs
    return keras.ops.concatenate([1 - outputs, outputs], axis=-1)


class _Resize(keras.layers.Layer):  # type: ignore[misc]
    """Pillow's resizing to the size of the network."""

    def __init__(self, decoding: DecodeSettings) -> None:
        super().__init__(dtype="float32")
        self._decoding = decoding

    def call(self, images: tf.Tensor) -> tf.Tensor:
        """Return the images resized."""
        return resize(images, self._decoding.height, self._decoding.width, self._decoding.interpolation)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the resized images."""
        return (input_shape[0], *self._decoding.shape)
