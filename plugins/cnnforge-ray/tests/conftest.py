"""What the tests share: a cluster of three nodes, and a folder to tune in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from ray_clusters import Tuner, new_cluster

if find_spec("ray") is None:  # which has no release for this Python
    collect_ignore_glob = ["test_*"]
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A cluster that the tests of a module share, and leave as it is."""
    before = dict(os.environ)
    found = new_cluster(tmp_path_factory.mktemp("cluster"))
    yield found
    found.shutdown()
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def tuner(tmp_path: Path) -> Tuner:
    return Tuner(tmp_path, tmp_path / "cache")
