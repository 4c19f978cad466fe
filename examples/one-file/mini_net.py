"""An architecture for CNNForge in one file."""

from typing import Annotated

import cnnforge
from cnnforge import Field, Tune


class MiniOptions(cnnforge.Options):
    """Options of ``mini_net``."""

    filters: Annotated[int, Field(ge=1, description="filters of each convolution"), Tune.choice(16, 32, 64)] = 32


@cnnforge.hookimpl
def cnnforge_architectures():
    """Bring the architecture."""
    yield cnnforge.ArchitectureSpec(
        name="mini_net", summary="Three convolutions and an average", build="mini_net:build", options=MiniOptions
    )


def build(options, *, input_shape, num_classes):
    """Return the network, uncompiled."""
    import keras  # takes seconds, so only when the network is built

    inputs = keras.Input(input_shape)
    x = keras.layers.Rescaling(1 / 255)(inputs)
    for _ in range(3):
        x = keras.layers.Conv2D(options.filters, 3, strides=2, activation="relu")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, cnnforge.head(x, num_classes))
