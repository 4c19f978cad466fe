"""A residual network, a data source that reads classes from file names, and a recipe that uses both."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import field_validator

import cnnforge
from cnnforge import Field, Tune


class AcmeNetOptions(cnnforge.Options):
    """Options of ``acme_net``."""

    filters: Annotated[
        tuple[Annotated[int, Field(ge=1)], ...],
        Field(min_length=1, max_length=6, description="filters of each residual block"),
        Tune.each_int(16, 128, step=16),
    ] = (16, 32, 64)
    dropout: Annotated[
        float, Field(ge=0, lt=1, description="share of features dropped before the head"), Tune.float(0.0, 0.5)
    ] = 0.2


class AcmeNamesOptions(cnnforge.Options):
    """Options of ``acme_names``."""

    path: Annotated[Path | None, Field(description="folder or zip archive of photographs")] = None
    pattern: Annotated[
        str, Field(description="regular expression that finds the class in a file's name, as group 'class'")
    ] = r"(?P<class>[A-Za-z]+)[_-]?\d+\."

    @field_validator("pattern")
    @classmethod
    def _check_pattern(cls, pattern: str) -> str:
        try:
            groups = re.compile(pattern).groupindex
        except re.error as error:
            raise ValueError(f"expected a regular expression: {error}") from error
        if "class" not in groups:
            raise ValueError("expected a regular expression with a group '(?P<class>…)'")
        return pattern


@cnnforge.hookimpl
def cnnforge_architectures() -> Iterator[cnnforge.ArchitectureSpec]:
    """Bring the network."""
    yield cnnforge.ArchitectureSpec(
        name="acme_net",
        summary="A small residual network that ends in a global average",
        build="acme_net.model:build",
        options=AcmeNetOptions,
        input_shape=(128, 128, 3),
    )


@cnnforge.hookimpl
def cnnforge_data_sources() -> Iterator[cnnforge.DataSourceSpec]:
    """Bring the data source."""
    yield cnnforge.DataSourceSpec(
        name="acme_names",
        summary="Photographs whose file names carry the class: rose_001.jpg",
        open="acme_net.source:open_source",
        options=AcmeNamesOptions,
    )


@cnnforge.hookimpl
def cnnforge_recipes() -> Iterator[cnnforge.RecipeSpec]:
    """Bring the recipe."""
    yield cnnforge.RecipeSpec(
        name="acme",
        summary="The residual network on photographs whose names carry the class",
        resource="acme_net:recipe.toml",
    )
