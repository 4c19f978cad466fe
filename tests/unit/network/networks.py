"""Small networks with chosen weights, in every arrangement that Keras knows: red speaks for the second class."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np

SHAPE = (32, 32, 3)
RED, BLUE = (4, 4), (20, 22)


def picture() -> np.ndarray:
    """A black picture with a red square at the top left and a blue one at the bottom right, shape (1, 32, 32, 3)."""
    image = np.zeros((1, *SHAPE), np.uint8)
    for channel, (top, left) in ((0, RED), (2, BLUE)):
        image[0, top : top + 6, left : left + 6, channel] = 255
    return image


def colours(**arguments: object) -> keras.layers.Layer:
    """A convolution whose first map is how red, whose second how blue a place is."""
    layer = keras.layers.Conv2D(2, 1, use_bias=False, activation="relu", name="colours", **arguments)
    layer.build((None, *SHAPE))
    kernel = np.zeros((1, 1, 3, 2), np.float32)
    kernel[0, 0, 0, 0] = kernel[0, 0, 2, 1] = 1
    layer.set_weights([kernel])
    return layer


def head(num_classes: int, sharpness: float = 40.0) -> keras.layers.Layer:
    """A head that says class 1 where red outweighs blue, class 0 where blue does."""
    units, activation = (1, "sigmoid") if num_classes == 2 else (num_classes, "softmax")
    layer = keras.layers.Dense(units, activation=activation)
    layer.build((None, 2))
    kernel = np.zeros((2, units), np.float32)
    if units == 1:
        kernel[:, 0] = sharpness, -sharpness
    else:
        kernel[0, 1] = kernel[1, 0] = sharpness
    layer.set_weights([kernel, np.zeros(units, np.float32)])
    return layer


def sequential(num_classes: int) -> keras.Model:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.Rescaling(1 / 255),
            colours(),
            layers.MaxPooling2D(2),
            layers.GlobalAveragePooling2D(),
            head(num_classes),
        ]
    )


def functional(num_classes: int) -> keras.Model:
    inputs = keras.Input(SHAPE)
    x = colours()(keras.layers.Rescaling(1 / 255)(inputs))
    x = keras.layers.Add()([x, x])
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, head(num_classes)(x))


def nested(num_classes: int) -> keras.Model:
    """A backbone with a network inside it, as one from `keras.applications` would be."""
    body_inputs = keras.Input(SHAPE)
    body = keras.Model(body_inputs, keras.Sequential([keras.Input(SHAPE), colours()])(body_inputs), name="body")
    inputs = keras.Input(SHAPE)
    x = body(keras.layers.Rescaling(1 / 255)(inputs))
    return keras.Model(inputs, head(num_classes)(keras.layers.GlobalAveragePooling2D()(x)))


def squeezed(num_classes: int) -> keras.Model:
    """A network with a convolution behind its pooling, on a grid of one place."""
    inputs = keras.Input(SHAPE)
    x = colours()(keras.layers.Rescaling(1 / 255)(inputs))
    x = keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = keras.layers.DepthwiseConv2D(1, depthwise_initializer="ones", use_bias=False)(x)
    return keras.Model(inputs, head(num_classes)(keras.layers.Flatten()(x)))


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):
    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.blocks = [keras.layers.Rescaling(1 / 255), colours()]
        self.pool = keras.layers.GlobalAveragePooling2D()
        self.top = head(num_classes)

    def call(self, images: keras.KerasTensor) -> keras.KerasTensor:
        for block in self.blocks:
            images = block(images)
        return self.top(self.pool(images))


def subclassed(num_classes: int) -> keras.Model:
    model = Subclassed(num_classes)
    model(np.zeros((1, *SHAPE), np.float32))
    return model


@keras.saving.register_keras_serializable("tests")
class Block(keras.layers.Layer):
    """A layer of a plugin's own with a convolution inside."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = colours()

    def call(self, images: keras.KerasTensor) -> keras.KerasTensor:
        return self.inner(images)


def own_layer(num_classes: int) -> keras.Model:
    inputs = keras.Input(SHAPE)
    x = Block()(keras.layers.Rescaling(1 / 255)(inputs))
    return keras.Model(inputs, head(num_classes)(keras.layers.GlobalAveragePooling2D()(x)))


def at_one_place() -> keras.Model:
    """A network whose dense layer sees each place apart and wants red at the top left; red elsewhere is nothing."""
    inputs = keras.Input(SHAPE)
    x = colours()(keras.layers.Rescaling(1 / 255)(inputs))
    x = keras.layers.Flatten()(keras.layers.MaxPooling2D(4)(x))
    output = keras.layers.Dense(1, activation="sigmoid")
    model = keras.Model(inputs, output(x))
    kernel = np.zeros((8, 8, 2, 1), np.float32)
    kernel[:4, :4, 0] = 1
    output.set_weights([kernel.reshape(-1, 1), np.zeros(1, np.float32)])
    return model


def without_convolution(num_classes: int) -> keras.Model:
    inputs = keras.Input(SHAPE)
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    return keras.Model(inputs, head(num_classes)(keras.layers.Dense(2)(x)))


WITH_CONVOLUTION: dict[str, Callable[[int], keras.Model]] = {
    build.__name__: build for build in (sequential, functional, nested, squeezed, subclassed, own_layer)
}
