"""A preset of KerasHub from images of 0 to 255 to probabilities."""

from __future__ import annotations

from typing import Any

import keras
import keras_hub
from keras import layers

import cnnforge
from cnnforge_kerashub import KerasHubOptions


def build(options: KerasHubOptions, *, input_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    """Build the network of a preset, uncompiled, its scaling of images inside.

    Args:
        options: The preset, its weights, what learns, and dropout.
        input_shape: Height, width and channels of images from 0 to 255, which the preset must admit.
        num_classes: At least 2.

    Raises:
        ValueError: There is no such preset, it is none of images, or it wants images of another size.
    """
    backbone, scale, offset = _load(options)
    wanted = _image_shape(backbone, options.preset)
    if any(side not in (None, given) for side, given in zip(wanted, input_shape, strict=True)):
        of_size = f" and data.image_size=[{wanted[0]},{wanted[1]}]" if wanted[0] else ""
        raise ValueError(
            f"expected images of shape {wanted} for the preset {options.preset!r}, received {input_shape}: set"
            f" data.color_mode='{'grayscale' if wanted[2] == 1 else 'rgb'}'{of_size}"
        )
    backbone.trainable = options.trainable == "all" or (options.trainable == "auto" and options.weights == "none")
    inputs = keras.Input(input_shape, name="image")
    x = layers.Rescaling(scale, offset=offset, name="scale")(inputs)
    x = _features(backbone(x), options.preset)
    x = layers.Dropout(options.dropout, name="head_dropout")(x)
    return keras.Model(inputs, cnnforge.head(x, num_classes), name="kerashub")


def _load(options: KerasHubOptions) -> tuple[keras.Model, Any, Any]:
    """Return a preset's backbone, and the factor and summand by which it scales images."""
    try:
        load = options.weights == "preset" and cnnforge.wants_pretrained()
        backbone = keras_hub.models.Backbone.from_preset(options.preset, load_weights=load)
        converter = keras_hub.layers.ImageConverter.from_preset(options.preset)
    except Exception as error:  # whatever libraries of downloads and of files raise
        raise ValueError(
            f"expected a preset of KerasHub with an image backbone, received {options.preset!r}: {error}"
        ) from error
    return backbone, 1.0 if converter.scale is None else converter.scale, converter.offset or 0.0


def _image_shape(backbone: keras.Model, preset: str) -> tuple[int | None, ...]:
    """Return height, width and channels that a backbone takes; None where it takes any."""
    shape = getattr(backbone.input, "shape", ())
    if len(shape) != 4:
        raise ValueError(f"expected a preset of KerasHub that takes images, received {preset!r}, which takes {shape}")
    return tuple(shape[1:])


def _features(outputs: Any, preset: str) -> keras.KerasTensor:
    """Return one vector for each image: the mean of a map, or of the tokens of a transformer."""
    rank = len(getattr(outputs, "shape", ()))
    if rank == 4:
        return layers.GlobalAveragePooling2D(name="features")(outputs)
    if rank == 3:
        return layers.GlobalAveragePooling1D(name="features")(outputs)
    if rank == 2:
        return layers.Identity(name="features")(outputs)
    raise ValueError(f"expected one map of features from the preset {preset!r}, received {outputs}")
