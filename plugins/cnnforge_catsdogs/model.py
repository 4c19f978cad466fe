"""The classic network: blocks of convolution and pooling, a dense layer, the head."""

from __future__ import annotations

import keras

import cnnforge
from cnnforge_catsdogs import CatsDogsCnnOptions


def build(options: CatsDogsCnnOptions, *, input_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    """Build the network of the classic cats-vs-dogs tutorial, uncompiled.

    ``Rescaling`` takes the place of the generator's ``rescale=1/255``; all that follows is the classic, layer by
    layer: 9,494,561 parameters at 150×150×3 with the default options.

    Args:
        options: The filters of each block, and the rest.
        input_shape: Height, width, channels of images from 0 to 255.
        num_classes: At least 2.

    Raises:
        ValueError: The image is too small for that many blocks.
    """
    layers = keras.layers
    inputs = keras.Input(input_shape, name="image")
    x = layers.Rescaling(1 / 255, name="rescale")(inputs)
    for block, filters in enumerate(options.filters, start=1):
        _check_size(x.shape, block, options, input_shape)
        x = layers.Conv2D(
            filters,
            options.kernel_size,
            activation=None if options.batch_normalization else "relu",
            name=f"convolution_{block}",
        )(x)
        if options.batch_normalization:
            x = layers.BatchNormalization(name=f"normalization_{block}")(x)
            x = layers.ReLU(name=f"relu_{block}")(x)
        x = layers.MaxPooling2D(2, name=f"pooling_{block}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(options.dense_units, activation="relu", name="dense")(x)
    if options.dropout:
        x = layers.Dropout(options.dropout, name="dropout")(x)
    return keras.Model(inputs, cnnforge.head(x, num_classes), name="catsdogs_cnn")


def _check_size(
    shape: tuple[int | None, ...], block: int, options: CatsDogsCnnOptions, input_shape: tuple[int, int, int]
) -> None:
    side = min(size for size in shape[1:3] if size is not None)
    if side - options.kernel_size + 1 < 2:
        raise ValueError(
            f"{len(options.filters)} blocks of convolution and pooling do not fit"
            f" {input_shape[0]}×{input_shape[1]}: before block {block} the image is {side} pixels;"
            " use fewer filters or larger images"
        )
