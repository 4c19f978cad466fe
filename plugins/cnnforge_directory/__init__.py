"""Class folders as a data source, in a folder or inside a zip archive."""

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
def cnnforge_recipes() -> Iterator[cnnforge.RecipeSpec]:
    """Bring the recipe for anybody's photographs."""
    yield cnnforge.RecipeSpec(
        name="directory-cnn",
        summary="The classic CNN on your own photographs: any number of class folders",
        resource="cnnforge_directory:recipes/directory-cnn.toml",
    )
