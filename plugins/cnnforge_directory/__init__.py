"""Class folders as a data source, in a folder or inside a zip archive, and what photographs suffer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import cnnforge
from cnnforge import Field


class DirectoryOptions(cnnforge.Options):
    """Options of the data source ``directory``."""

    path: Annotated[Path | None, Field(description="folder or zip archive with a folder for each class")] = None
    labels: Annotated[
        Path | None, Field(description="CSV with columns name, label and maybe split, instead of class folders")
    ] = None
    classes: Annotated[tuple[str, ...], Field(description="use these classes only; default: all")] = ()
    class_mode: Annotated[Literal["auto", "binary"], Field(description="'binary' insists on exactly two classes")] = (
        "auto"
    )
    follow_links: Annotated[bool, Field(description="follow symbolic links, each file once")] = False


class BlurOptions(cnnforge.Options):
    """Options of the augmentation ``gaussian_blur``."""

    share: Annotated[float, Field(gt=0, le=1, description="share of the images that are blurred")] = 0.5
    max_sigma: Annotated[float, Field(gt=0.1, le=100, description="largest standard deviation, in pixels")] = 2.0


class JpegOptions(cnnforge.Options):
    """Options of the augmentation ``jpeg``."""

    share: Annotated[float, Field(gt=0, le=1, description="share of the images that are compressed")] = 0.5
    min_quality: Annotated[int, Field(ge=1, le=95, description="lowest quality, of 1 to 95")] = 30


@cnnforge.hookimpl
def cnnforge_data_sources() -> Iterator[cnnforge.DataSourceSpec]:
    """Bring the data source."""
    yield cnnforge.DataSourceSpec(
        name="directory",
        summary="A folder or zip archive with a folder for each class, or a CSV of labels",
        open="cnnforge_directory.source:open_source",
        options=DirectoryOptions,
    )


@cnnforge.hookimpl
def cnnforge_measures() -> Iterator[cnnforge.MeasureSpec]:
    """Bring the measure for many classes, which only folders have among the built-in sources."""
    yield cnnforge.MeasureSpec(
        name="top5_accuracy",
        title="Top-5 accuracy",
        better="higher",
        compute="cnnforge_directory.top5:top5_accuracy",
        needs=6,
        percent=True,
    )


@cnnforge.hookimpl
def cnnforge_recipes() -> Iterator[cnnforge.RecipeSpec]:
    """Bring the recipe for anybody's photographs."""
    yield cnnforge.RecipeSpec(
        name="directory-cnn",
        summary="The classic CNN on your own photographs: any number of class folders",
        resource="cnnforge_directory:recipes/directory-cnn.toml",
    )


@cnnforge.hookimpl
def cnnforge_augmentations() -> Iterator[cnnforge.AugmentationSpec]:
    """Bring what photographs suffer that come from many cameras and web sites."""
    yield cnnforge.AugmentationSpec(
        name="gaussian_blur",
        summary="Blur a share of the images, as SimCLR does",
        apply="cnnforge_directory.quality:gaussian_blur",
        options=BlurOptions,
    )
    yield cnnforge.AugmentationSpec(
        name="jpeg",
        summary="Compress a share of the images as JPEG, more or less strongly",
        apply="cnnforge_directory.quality:jpeg",
        options=JpegOptions,
    )
