"""EfficientNet-Lite0 with weights learned on ImageNet: transfer learning that needs no network connection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import cnnforge
from cnnforge import Field, Tune


class EfficientNetLite0Options(cnnforge.Options):
    """Options of ``efficientnet_lite0``."""

    trainable: Annotated[
        Literal["head", "all"], Field(description="'head': the pretrained part stays as it is; 'all': it learns too")
    ] = "head"
    dropout: Annotated[
        float, Field(ge=0, lt=1, description="share of features dropped before the head"), Tune.float(0.0, 0.5)
    ] = 0.2


ARCHITECTURE = cnnforge.ArchitectureSpec(
    name="efficientnet_lite0",
    summary="EfficientNet-Lite0 pretrained on ImageNet, with a head for your classes",
    build="cnnforge_efficientnet_lite.model:build",
    options=EfficientNetLite0Options,
    input_shape=(224, 224, 3),
    backbone="features",
)


@cnnforge.hookimpl
def cnnforge_architectures() -> Iterator[cnnforge.ArchitectureSpec]:
    """Bring the network."""
    yield ARCHITECTURE
