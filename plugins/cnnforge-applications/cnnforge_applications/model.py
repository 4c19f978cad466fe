"""A network of ``keras.applications`` from images of 0 to 255 to probabilities."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

import cnnforge
from cnnforge_applications import NETWORKS, ApplicationOptions

# Keras's own numbers (keras.applications.imagenet_utils.preprocess_input), channels in the order of the network.
_TORCH_MEAN, _TORCH_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CAFFE_MEAN = (103.939, 116.779, 123.68)


def build(
    name: str, options: ApplicationOptions, *, input_shape: tuple[int, int, int], num_classes: int
) -> keras.Model:
    """Build a network, uncompiled, with its preprocessing inside and a head for the classes.

    Args:
        name: One of ``NETWORKS``.
        options: Weights, what learns, and dropout.
        input_shape: Height, width and 3 channels, of images from 0 to 255.
        num_classes: At least 2.

    Raises:
        ValueError: The images are too small, or grey, or the weights cannot be had.
    """
    if input_shape[2] != 3:
        raise ValueError(f"three channels are needed, received {input_shape[2]}: set data.color_mode to 'rgb'")
    inputs = keras.Input(input_shape, name="image")
    scaled = _scaled(inputs, NETWORKS[name].scaling)
    backbone = getattr(keras.applications, NETWORKS[name].function)(
        include_top=False, weights=None, input_tensor=scaled, input_shape=input_shape
    )
    if cnnforge.wants_pretrained():
        _load(backbone, name, options, input_shape)
    is_pretrained = options.weights == "imagenet" or options.weights_file is not None
    backbone.trainable = options.trainable == "all" or (options.trainable == "auto" and not is_pretrained)
    x = layers.GlobalAveragePooling2D(name="features")(backbone.output)
    x = layers.Dropout(options.dropout, name="head_dropout")(x)
    return keras.Model(inputs, cnnforge.head(x, num_classes), name=name)


def _scaled(images: keras.KerasTensor, scaling: str) -> keras.KerasTensor:
    """Return images from 0 to 255 as the network was trained on them."""
    if scaling == "tf":
        return layers.Rescaling(1 / 127.5, offset=-1.0, name="scale")(images)
    if scaling == "torch":
        scale = [1 / (255 * deviation) for deviation in _TORCH_DEVIATION]
        offset = [-mean / deviation for mean, deviation in zip(_TORCH_MEAN, _TORCH_DEVIATION, strict=True)]
        return layers.Rescaling(scale, offset=offset, name="scale")(images)
    if scaling == "caffe":
        blue_first = keras.ops.take(images, [2, 1, 0], axis=-1)
        return layers.Rescaling(1.0, offset=[-mean for mean in _CAFFE_MEAN], name="scale")(blue_first)
    return images


def _load(backbone: keras.Model, name: str, options: ApplicationOptions, input_shape: tuple[int, int, int]) -> None:
    if options.weights_file is not None:
        try:
            backbone.load_weights(options.weights_file)
        except Exception as error:  # h5py and Keras raise whatever a damaged or other file makes them
            raise ValueError(
                f"expected weights of {name} without its top, received weights_file={options.weights_file}: {error}"
            ) from error
    elif options.weights == "imagenet":
        backbone.set_weights(_pretrained(name, input_shape).get_weights())
    for layer in backbone.layers:
        if isinstance(layer, layers.Normalization) and layer.input_mean is None:
            _renew(layer)


def _renew(layer: layers.Normalization) -> None:
    """Let the first layer of EfficientNetB0 to B7 compute with what was loaded, as ImageNet's weights expect it.

    They were trained on images divided by ImageNet's variance instead of its deviation. Keras adds a layer for the
    other half where it downloads the weights (https://github.com/tensorflow/tensorflow/issues/49930); here it goes
    into this one. Weights that never saw ImageNet have a mean of zero.
    """
    if keras.ops.any(layer.adapt_mean):
        layer.adapt_variance.assign(layer.adapt_variance * keras.ops.array(_TORCH_DEVIATION))
    layer.finalize_state()


def _pretrained(name: str, input_shape: tuple[int, int, int]) -> Any:
    """Return the network as Keras gives it, its weights downloaded if they are not in Keras's cache.

    Its layers have names of its own: the file is matched by them, and ours begins with other layers.
    """
    function = getattr(keras.applications, NETWORKS[name].function)
    try:
        return function(include_top=False, weights="imagenet", input_shape=input_shape)
    except ValueError:  # of Keras, about the images
        raise
    except Exception as error:
        raise ValueError(
            f"the weights of {name} could not be downloaded ({error}); give them with"
            " --set architecture.weights_file=FILE, or begin without: --set architecture.weights=none"
        ) from error
