"""A residual network of basic blocks (He et al. 2015, arXiv:1512.03385), its shortcuts averaged before they narrow.

The shortcut of a block that halves the image averages and then convolves, as in ResNet-D (He et al. 2018,
arXiv:1812.01187): nothing of it is thrown away.
"""

from __future__ import annotations

from itertools import accumulate

import keras
from keras import layers

import cnnforge
from cnnforge_resnet import ResNetOptions

BLOCKS = {10: (1, 1, 1, 1), 18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
"""Blocks of each stage, by the number of layers."""


def build(options: ResNetOptions, *, input_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    """Build the network, uncompiled.

    Args:
        options: Depth, width, stochastic depth and dropout.
        input_shape: Height, width and channels of images from 0 to 255. The last stage sees them at 1/32.
        num_classes: At least 2.
    """
    inputs = keras.Input(input_shape, name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="rescale")(inputs)
    x = _convolution(x, options.width, 2, "stem")
    x = layers.Activation("relu", name="stem_relu")(x)
    x = layers.MaxPooling2D(3, 2, padding="same", name="stem_pool")(x)
    blocks = BLOCKS[options.depth]
    for stage, (count, before) in enumerate(zip(blocks, accumulate(blocks, initial=0), strict=False)):
        for number in range(count):
            skipped = options.stochastic_depth * (before + number + 1) / sum(blocks)
            strides = 2 if stage and not number else 1
            x = _block(x, options.width * 2**stage, strides, skipped, f"stage_{stage + 1}_block_{number + 1}")
    x = layers.GlobalAveragePooling2D(name="features")(x)
    x = layers.Dropout(options.dropout, name="head_dropout")(x)
    return keras.Model(inputs, cnnforge.head(x, num_classes), name="resnet")


def _block(x: keras.KerasTensor, filters: int, strides: int, skipped: float, name: str) -> keras.KerasTensor:
    """Two convolutions, added to what went in; ``skipped`` is the share of images for which they are left out.

    Leaving whole blocks out is stochastic depth (Huang et al. 2016, arXiv:1603.09382): dropout of all that a block
    adds to an image at once.
    """
    shortcut = x
    x = layers.Activation("relu", name=f"{name}_relu_1")(_convolution(x, filters, strides, f"{name}_1"))
    x = _convolution(x, filters, 1, f"{name}_2")
    if skipped:
        x = layers.Dropout(skipped, noise_shape=(None, 1, 1, 1), name=f"{name}_skip")(x)
    if strides > 1:
        shortcut = layers.AveragePooling2D(2, padding="same", name=f"{name}_shortcut_pool")(shortcut)
        shortcut = _convolution(shortcut, filters, 1, f"{name}_shortcut", kernel_size=1)
    return layers.Activation("relu", name=f"{name}_relu_2")(layers.Add(name=f"{name}_add")([x, shortcut]))


def _convolution(
    x: keras.KerasTensor, filters: int, strides: int, name: str, kernel_size: int = 3
) -> keras.KerasTensor:
    """Convolve and normalise; the kernels begin as He et al. 2015 (arXiv:1502.01852) say for ReLU."""
    convolution = layers.Conv2D(
        filters, kernel_size, strides, padding="same", use_bias=False, kernel_initializer="he_normal", name=name
    )
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_normalization")(convolution(x))
