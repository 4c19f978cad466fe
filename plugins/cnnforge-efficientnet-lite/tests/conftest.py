"""What the tests share: a cache of their own, and the photographs if there are any."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that all tests of a session share, so that weights are converted once."""
    folder = tmp_path_factory.getbasetemp() / "efficientnet-lite-cache"
    monkeypatch.setenv("CNNFORGE_CACHE_DIR", str(folder))
    return folder


@pytest.fixture
def photographs() -> Path:
    """The archive of real photographs; the test is skipped where there is none."""
    folder = os.environ.get("CNNFORGE_PHOTOGRAPHS")
    if not folder:
        pytest.skip("needs the real photographs: set CNNFORGE_PHOTOGRAPHS to the folder of their archives")
    return Path(folder) / "kagglecatsanddogs_180px.zip"
