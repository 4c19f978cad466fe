"""Any image backbone of KerasHub, pretrained or not, as an architecture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import cnnforge
from cnnforge import Field, Tune


class KerasHubOptions(cnnforge.Options):
    """Options of ``kerashub``."""

    preset: Annotated[
        str,
        Field(min_length=1, description="a preset's name or handle (kaggle://…, hf://…), or a folder that holds one"),
    ] = "resnet_18_imagenet"
    weights: Annotated[
        Literal["preset", "none"], Field(description="'preset': as they were learned; 'none': drawn at random")
    ] = "preset"
    trainable: Annotated[
        Literal["auto", "head", "all"],
        Field(description="'head': the backbone stays as it is; 'all': it learns too; 'auto': head if pretrained"),
    ] = "auto"
    dropout: Annotated[
        float, Field(ge=0, lt=1, description="share of features dropped before the head"), Tune.float(0.0, 0.5)
    ] = 0.2


ARCHITECTURE = cnnforge.ArchitectureSpec(
    name="kerashub",
    summary="An image backbone of KerasHub with a head for your classes, by the name of its preset",
    build="cnnforge_kerashub.model:build",
    options=KerasHubOptions,
    input_shape=(224, 224, 3),
    backbone="features",
)


@cnnforge.hookimpl
def cnnforge_architectures() -> Iterator[cnnforge.ArchitectureSpec]:
    """Bring the architecture."""
    yield ARCHITECTURE
