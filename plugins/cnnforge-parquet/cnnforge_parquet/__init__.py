"""Images in Parquet files: what Hugging Face publishes, and what data pipelines write."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import cnnforge
from cnnforge import Field


class ParquetOptions(cnnforge.Options):
    """Options of the data source ``parquet``."""

    path: Annotated[Path | None, Field(description="a Parquet file, or a folder of shards")] = None
    image: Annotated[
        str, Field(description="column of images: the bytes of a file, or a struct with a field 'bytes'")
    ] = "image"
    label: Annotated[str, Field(description="column of labels: names, or numbers")] = "label"
    split: Annotated[
        str | None,
        Field(description="column that says train, validation or test; default: the shards' names, if they do"),
    ] = None
    classes: Annotated[
        tuple[str, ...],
        Field(description="names of all classes in the order of their labels; default: the file's, or what occurs"),
    ] = ()


DATA_SOURCE = cnnforge.DataSourceSpec(
    name="parquet",
    summary="Images in Parquet shards, as Hugging Face publishes them; read in place",
    open="cnnforge_parquet.source:open_source",
    options=ParquetOptions,
)


@cnnforge.hookimpl
def cnnforge_data_sources() -> Iterator[cnnforge.DataSourceSpec]:
    """Bring the data source."""
    yield DATA_SOURCE
