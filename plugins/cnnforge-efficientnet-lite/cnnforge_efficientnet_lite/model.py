"""EfficientNet-Lite0 in Keras (Tan and Le 2019, arXiv:1905.11946; the Lite variant: Liu 2020).

Lite means: no squeeze-and-excitation, and ReLU6 in place of swish, so that it suits integers and small processors.
"""

from __future__ import annotations

from typing import NamedTuple

import keras
from keras import layers

import cnnforge
from cnnforge_efficientnet_lite import ARCHITECTURE, EfficientNetLite0Options
from cnnforge_efficientnet_lite.weights import load_arrays

MIN_SIDE = 32  # in pixels: the network halves the sides five times
NUM_FEATURES = 1280


class Block(NamedTuple):
    """By how much a block widens inside, its filters, its strides and the side of its kernel."""

    expansion: int
    filters: int
    strides: int
    kernel_size: int


# Each stage: its first block, and how many blocks it has; those after the first have strides of 1.
STAGES = (
    (Block(1, 16, 1, 3), 1),
    (Block(6, 24, 2, 3), 2),
    (Block(6, 40, 2, 5), 2),
    (Block(6, 80, 2, 3), 3),
    (Block(6, 112, 1, 5), 3),
    (Block(6, 192, 2, 5), 4),
    (Block(6, 320, 1, 3), 1),
)
BLOCKS = [first._replace(strides=1) if n else first for first, num_blocks in STAGES for n in range(num_blocks)]


def build(options: EfficientNetLite0Options, *, input_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    """Build the network with its pretrained weights, uncompiled.

    Args:
        options: What learns, and dropout.
        input_shape: Height, width (32 at least each), and 3 channels, of images from 0 to 255.
        num_classes: At least 2.

    Raises:
        ValueError: The images are too small, or grey.
    """
    height, width, channels = input_shape
    if min(height, width) < MIN_SIDE:
        raise ValueError(f"images of {MIN_SIDE}×{MIN_SIDE} pixels at least are needed, received {height}×{width}")
    if channels != 3:
        raise ValueError(f"three channels are needed, received {channels}: set data.color_mode to 'rgb'")
    inputs = keras.Input(input_shape, name="image")
    backbone = keras.Model(inputs, features(inputs))
    if cnnforge.wants_pretrained():
        load(backbone)
    backbone.trainable = options.trainable == "all"
    x = layers.Dropout(options.dropout, name="dropout")(backbone.output)
    return keras.Model(inputs, cnnforge.head(x, num_classes), name=ARCHITECTURE.name)


def features(images: keras.KerasTensor) -> keras.KerasTensor:
    """Return 1,280 features of each image from 0 to 255, shape (batch, 1280)."""
    x = layers.Rescaling(1 / 128, offset=-127 / 128, name="rescale")(images)
    x = _convolution(x, 32, 3, 2, "stem")
    for number, block in enumerate(BLOCKS):
        x = _block(x, block, f"block_{number:02}")
    x = _convolution(x, NUM_FEATURES, 1, 1, "top")
    return layers.GlobalAveragePooling2D(name="features")(x)


def load(backbone: keras.Model) -> None:
    """Give the backbone the weights learned on ImageNet."""
    arrays = load_arrays()
    for layer in backbone.layers:
        for weight in layer.weights:
            weight.assign(arrays[f"{layer.name}/{weight.name}"])


def _block(x: keras.KerasTensor, block: Block, name: str) -> keras.KerasTensor:
    """Widen, look at each channel by itself, narrow again; and add the input where the shape is the same."""
    shortcut = x
    if block.expansion > 1:
        x = _convolution(x, x.shape[-1] * block.expansion, 1, 1, f"{name}_expand")
    depthwise = layers.DepthwiseConv2D(
        block.kernel_size, block.strides, padding="same", use_bias=False, name=f"{name}_depthwise"
    )
    x = _normalized(depthwise(x), depthwise.name)
    x = layers.ReLU(6, name=f"{name}_depthwise_relu")(x)
    x = layers.Conv2D(block.filters, 1, use_bias=False, name=f"{name}_project")(x)
    x = _normalized(x, f"{name}_project")
    return layers.Add(name=f"{name}_add")([x, shortcut]) if x.shape == shortcut.shape else x


def _convolution(x: keras.KerasTensor, filters: int, kernel_size: int, strides: int, name: str) -> keras.KerasTensor:
    x = layers.Conv2D(filters, kernel_size, strides, padding="same", use_bias=False, name=name)(x)
    return layers.ReLU(6, name=f"{name}_relu")(_normalized(x, name))


def _normalized(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.BatchNormalization(epsilon=1e-3, name=f"{name}_normalization")(x)
