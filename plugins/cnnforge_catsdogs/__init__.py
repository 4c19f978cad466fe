"""The classic cats-vs-dogs convolutional network, its photographs and its recipe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import cnnforge
from cnnforge import Field, Tune

PositiveInt = Annotated[int, Field(ge=1)]


class CatsDogsCnnOptions(cnnforge.Options):
    """Options of ``catsdogs_cnn``; the defaults are the classic network to the letter."""

    filters: Annotated[
        tuple[PositiveInt, ...],
        Field(min_length=1, max_length=8, description="filters of each block of convolution and pooling"),
        Tune.each_int(8, 128, step=8),
    ] = (16, 32, 64)
    kernel_size: Annotated[int, Field(ge=1, le=11, description="side of the kernels"), Tune.choice(3, 5)] = 3
    dense_units: Annotated[
        int, Field(ge=1, description="units of the hidden dense layer"), Tune.choice(128, 256, 512)
    ] = 512
    dropout: Annotated[
        float, Field(ge=0, lt=1, description="share of units dropped before the head"), Tune.float(0.0, 0.5)
    ] = 0.0
    batch_normalization: Annotated[bool, Field(description="normalise after each convolution"), Tune.boolean()] = False


class CatsDogsOptions(cnnforge.Options):
    """Options of the data source ``catsdogs``."""

    path: Annotated[
        Path | None,
        Field(description="archive or folder of photographs; default: the downloaded ones, else the drawn sample"),
    ] = None
    drawn_seed: Annotated[int, Field(ge=0, description="seed of the drawn sample")] = 0


@cnnforge.hookimpl
def cnnforge_architectures() -> Iterator[cnnforge.ArchitectureSpec]:
    """Bring the classic network."""
    yield cnnforge.ArchitectureSpec(
        name="catsdogs_cnn",
        summary="The classic cats-vs-dogs CNN: three convolutions with pooling, one dense layer",
        build="cnnforge_catsdogs.model:build",
        options=CatsDogsCnnOptions,
        input_shape=(150, 150, 3),
    )


@cnnforge.hookimpl
def cnnforge_data_sources() -> Iterator[cnnforge.DataSourceSpec]:
    """Bring the photographs."""
    yield cnnforge.DataSourceSpec(
        name="catsdogs",
        summary="Cats and dogs: Microsoft's or Kaggle's archive read in place, or a drawn sample",
        open="cnnforge_catsdogs.source:open_source",
        options=CatsDogsOptions,
        download="cnnforge_catsdogs.download:download",
    )


@cnnforge.hookimpl
def cnnforge_recipes() -> Iterator[cnnforge.RecipeSpec]:
    """Bring the classic training."""
    yield cnnforge.RecipeSpec(
        name="catsdogs",
        summary="The classic cats-vs-dogs training, to the letter: 15 epochs, RMSprop, batches of 100",
        resource="cnnforge_catsdogs:recipes/catsdogs.toml",
    )


@cnnforge.hookimpl
def cnnforge_commands() -> Iterator[cnnforge.CommandSpec]:
    """Bring the command."""
    yield cnnforge.CommandSpec(
        name="data split",
        summary="Write training and testing folders as the classic tutorial has them.",
        app="cnnforge_catsdogs.split_command:split",
    )
