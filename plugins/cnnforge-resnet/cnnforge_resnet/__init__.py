"""Residual networks that learn from scratch on photographs, and the recipe that shows it on cats and dogs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import cnnforge
from cnnforge import Field, Tune


class ResNetOptions(cnnforge.Options):
    """Options of ``resnet``."""

    depth: Annotated[
        Literal[10, 18, 34], Field(description="layers with weights, shortcuts aside"), Tune.choice(10, 18, 34)
    ] = 18
    width: Annotated[
        int,
        Field(ge=1, le=512, description="filters of the first stage; each later stage has twice as many"),
        Tune.choice(16, 32, 64),
    ] = 32
    stochastic_depth: Annotated[
        float,
        Field(ge=0, lt=1, description="share of images that skip the last block in training; earlier ones less"),
        Tune.float(0.0, 0.3),
    ] = 0.0
    dropout: Annotated[
        float, Field(ge=0, lt=1, description="share of features dropped before the head"), Tune.float(0.0, 0.5)
    ] = 0.0


ARCHITECTURE = cnnforge.ArchitectureSpec(
    name="resnet",
    summary="Residual network of 10, 18 or 34 layers for training from scratch",
    build="cnnforge_resnet.model:build",
    options=ResNetOptions,
    input_shape=(128, 128, 3),
)


@cnnforge.hookimpl
def cnnforge_architectures() -> Iterator[cnnforge.ArchitectureSpec]:
    """Bring the network."""
    yield ARCHITECTURE


@cnnforge.hookimpl
def cnnforge_recipes() -> Iterator[cnnforge.RecipeSpec]:
    """Bring the training on cats and dogs."""
    yield cnnforge.RecipeSpec(
        name="catsdogs-scratch",
        summary="Cats and dogs from scratch: a residual network, augmentation, cosine schedule",
        resource="cnnforge_resnet:recipes/catsdogs-scratch.toml",
    )
