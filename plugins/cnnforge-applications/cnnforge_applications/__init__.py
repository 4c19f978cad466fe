"""The networks of ``keras.applications``, each an architecture under its own name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import cnnforge
from cnnforge import Field, Tune


class Network(NamedTuple):
    """Keras's function, the sides of the images that it was trained on, and how these were scaled.

    ``scaling``: ``"tf"`` to -1 to 1, ``"torch"`` by the mean and deviation of ImageNet, ``"caffe"`` blue first and
    less the mean, ``"own"`` by the network itself.
    """

    function: str
    side: int
    scaling: Literal["tf", "torch", "caffe", "own"]


NETWORKS = {
    "convnext_tiny": Network("ConvNeXtTiny", 224, "own"),
    "convnext_small": Network("ConvNeXtSmall", 224, "own"),
    "convnext_base": Network("ConvNeXtBase", 224, "own"),
    "convnext_large": Network("ConvNeXtLarge", 224, "own"),
    "convnext_xlarge": Network("ConvNeXtXLarge", 224, "own"),
    "densenet121": Network("DenseNet121", 224, "torch"),
    "densenet169": Network("DenseNet169", 224, "torch"),
    "densenet201": Network("DenseNet201", 224, "torch"),
    "efficientnet_b0": Network("EfficientNetB0", 224, "own"),
    "efficientnet_b1": Network("EfficientNetB1", 240, "own"),
    "efficientnet_b2": Network("EfficientNetB2", 260, "own"),
    "efficientnet_b3": Network("EfficientNetB3", 300, "own"),
    "efficientnet_b4": Network("EfficientNetB4", 380, "own"),
    "efficientnet_b5": Network("EfficientNetB5", 456, "own"),
    "efficientnet_b6": Network("EfficientNetB6", 528, "own"),
    "efficientnet_b7": Network("EfficientNetB7", 600, "own"),
    "efficientnet_v2_b0": Network("EfficientNetV2B0", 224, "own"),
    "efficientnet_v2_b1": Network("EfficientNetV2B1", 240, "own"),
    "efficientnet_v2_b2": Network("EfficientNetV2B2", 260, "own"),
    "efficientnet_v2_b3": Network("EfficientNetV2B3", 300, "own"),
    "efficientnet_v2_s": Network("EfficientNetV2S", 384, "own"),
    "efficientnet_v2_m": Network("EfficientNetV2M", 480, "own"),
    "efficientnet_v2_l": Network("EfficientNetV2L", 480, "own"),
    "inception_resnet_v2": Network("InceptionResNetV2", 299, "tf"),
    "inception_v3": Network("InceptionV3", 299, "tf"),
    "mobilenet": Network("MobileNet", 224, "tf"),
    "mobilenet_v2": Network("MobileNetV2", 224, "tf"),
    "mobilenet_v3_large": Network("MobileNetV3Large", 224, "own"),
    "mobilenet_v3_small": Network("MobileNetV3Small", 224, "own"),
    "nasnet_large": Network("NASNetLarge", 331, "tf"),
    "nasnet_mobile": Network("NASNetMobile", 224, "tf"),
    "resnet50": Network("ResNet50", 224, "caffe"),
    "resnet101": Network("ResNet101", 224, "caffe"),
    "resnet152": Network("ResNet152", 224, "caffe"),
    "resnet50_v2": Network("ResNet50V2", 224, "tf"),
    "resnet101_v2": Network("ResNet101V2", 224, "tf"),
    "resnet152_v2": Network("ResNet152V2", 224, "tf"),
    "vgg16": Network("VGG16", 224, "caffe"),
    "vgg19": Network("VGG19", 224, "caffe"),
    "xception": Network("Xception", 299, "tf"),
}


class ApplicationOptions(cnnforge.Options):
    """Options of every network of ``keras.applications``."""

    weights: Annotated[
        Literal["imagenet", "none"],
        Field(description="'imagenet': pretrained, downloaded once by Keras; 'none': drawn at random"),
    ] = "imagenet"
    weights_file: Annotated[
        Path | None, Field(description="weights of the part below the head, a file of Keras, instead of a download")
    ] = None
    trainable: Annotated[
        Literal["auto", "head", "all"],
        Field(
            description="'head': the pretrained part stays as it is; 'all': it learns too; 'auto': head if pretrained"
        ),
    ] = "auto"
    dropout: Annotated[
        float, Field(ge=0, lt=1, description="share of features dropped before the head"), Tune.float(0.0, 0.5)
    ] = 0.2


def _spec(name: str, network: Network) -> cnnforge.ArchitectureSpec:
    return cnnforge.ArchitectureSpec(
        name=name,
        summary=f"Keras's {network.function}",
        build=f"cnnforge_applications.builders:{name}",
        options=ApplicationOptions,
        input_shape=(network.side, network.side, 3),
        backbone="features",
    )


ARCHITECTURES = {name: _spec(name, network) for name, network in NETWORKS.items()}


@cnnforge.hookimpl
def cnnforge_architectures() -> Iterator[cnnforge.ArchitectureSpec]:
    """Bring the networks."""
    yield from ARCHITECTURES.values()
