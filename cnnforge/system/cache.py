"""Where CNNForge keeps what it can make again: decoded images, features, measurements, converted weights."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from cnnforge.system.files import expanded


def cache_dir() -> Path:
    """Return the user's cache folder for CNNForge; ``CNNFORGE_CACHE_DIR`` overrides it."""
    chosen = os.environ.get("CNNFORGE_CACHE_DIR")
    return expanded(chosen) if chosen else platformdirs.user_cache_path("cnnforge", appauthor=False)


def data_dir() -> Path:
    """Return the folder for downloaded data: ``CNNFORGE_DATA_DIR``, or the platform's folder for user data."""
    chosen = os.environ.get("CNNFORGE_DATA_DIR")
    return expanded(chosen) if chosen else platformdirs.user_data_path("cnnforge", appauthor=False)
