"""A small residual network with batch normalization, as somebody's plugin might bring it."""

from __future__ import annotations

from typing import Annotated

import keras

import cnnforge
from cnnforge import Field


class ResidualOptions(cnnforge.Options):
    filters: Annotated[int, Field(ge=1)] = 8


@cnnforge.hookimpl
def cnnforge_architectures():
    yield cnnforge.ArchitectureSpec(
        name="residual", summary="small", build="tests.e2e.residual:build", options=ResidualOptions
    )


def build(options: ResidualOptions, *, input_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    layers = keras.layers
    inputs = keras.Input(input_shape)
    x = layers.Conv2D(options.filters, 3, strides=2, padding="same")(layers.Rescaling(1 / 255)(inputs))
    for _ in range(2):
        shortcut = x
        for _ in range(2):
            x = layers.BatchNormalization()(layers.Conv2D(options.filters, 3, padding="same", use_bias=False)(x))
            x = layers.Activation("swish")(x)
        x = layers.Add()([x, shortcut])
    x = layers.GlobalAveragePooling2D()(layers.SeparableConv2D(12, 3)(x))
    return keras.Model(inputs, cnnforge.head(layers.Dropout(0.2)(x), num_classes))
