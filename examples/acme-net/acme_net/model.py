"""The network of ``acme_net``."""

from __future__ import annotations

import keras
from keras import layers

import cnnforge
from acme_net import AcmeNetOptions


def build(options: AcmeNetOptions, *, input_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    """Build the network, uncompiled.

    Args:
        options: Filters and dropout.
        input_shape: Height, width, channels of images from 0 to 255.
        num_classes: At least 2.
    """
    inputs = keras.Input(input_shape, name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    for filters in options.filters:
        x = _block(x, filters)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(options.dropout)(x)
    return keras.Model(inputs, cnnforge.head(x, num_classes), name="acme_net")


def _block(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    """Halve the sides and add what two convolutions find to a shortcut past them."""
    # Averaged first, since a 1×1 convolution in steps of 2 would look at one pixel of four.
    shortcut = layers.Conv2D(filters, 1)(layers.AveragePooling2D(2, padding="same")(x))
    x = _convolution(x, filters, strides=2)
    x = _convolution(x, filters, strides=1)
    return layers.Add()([x, shortcut])


def _convolution(x: keras.KerasTensor, filters: int, strides: int) -> keras.KerasTensor:
    x = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    return layers.ReLU()(x)
