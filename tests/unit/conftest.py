"""A small registry, so that tests of recipes do not depend on what the built-in plugins bring."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pytest

import cnnforge
import cnnforge_tuning
from cnnforge import Field, Tune
from cnnforge.host.plugin_host import PluginHost
from cnnforge.host.registry import Registry


class TinyOptions(cnnforge.Options):
    units: Annotated[int, Field(ge=1, le=64), Tune.choice(8, 16)] = 8
    rate: Annotated[float, Field(ge=0, lt=1)] = 0.0
    is_deep: bool = False


class PhotosOptions(cnnforge.Options):
    path: Path | None = None
    seed: int = 0


class SmallPlugin:
    @cnnforge.hookimpl
    def cnnforge_architectures(self):
        yield cnnforge.ArchitectureSpec(
            name="tiny", summary="one", build="nowhere:build", options=TinyOptions, input_shape=(32, 48, 3)
        )

    @cnnforge.hookimpl
    def cnnforge_data_sources(self):
        yield cnnforge.DataSourceSpec(name="photos", summary="one", open="nowhere:open", options=PhotosOptions)


@pytest.fixture
def registry() -> Registry:
    """An architecture `tiny` (units, rate, is_deep), a data source `photos` (path, seed), and the tuning plugin."""
    host = PluginHost()
    host.register(SmallPlugin(), "small:main")
    host.register(cnnforge_tuning, "cnnforge:tuning")
    return Registry(host)


@pytest.fixture
def recipe_file(tmp_path: Path):
    """A function that writes a recipe of these lines after `[data]` and `[architecture]`, and returns its path."""

    def write(lines: str = "", *, data: str = "", architecture: str = "", head: str = "") -> str:
        path = tmp_path / "mine.toml"
        path.write_text(
            f'{head}\n[data]\nsource = "photos"\n{data}\n[architecture]\nname = "tiny"\n{architecture}\n{lines}\n',
            encoding="utf-8",
        )
        return str(path)

    return write
