"""A trained run and photographs for scripts, in a folder of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import cnnforge
from cnnforge.host import FILES_SWITCH
from cnnforge.interface import registry
from cnnforge.testing.images import write_tiny_images

SETTINGS = {"epochs": 2, "data.image_size": [24, 32], "precision": "float32"}


@pytest.fixture(autouse=True)
def fresh_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep plugin files of one test away from the next."""
    monkeypatch.setenv(FILES_SWITCH, "")
    monkeypatch.setenv("CNNFORGE_LOAD_PLUGINS", "")
    registry.cache_clear()
    yield
    registry.cache_clear()


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photographs in ``tiny`` and a finished run in ``runs/first``."""
    folder = tmp_path_factory.mktemp("workshop")
    write_tiny_images(folder / "tiny")
    cnnforge.run("directory-cnn", data=folder / "tiny", settings=SETTINGS, name="first", runs_dir=folder / "runs")
    return folder


@pytest.fixture
def here(workshop: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That folder, as the current one."""
    monkeypatch.chdir(workshop)
    return workshop
