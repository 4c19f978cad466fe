"""What the specs name: ``cnnforge_applications.builders:resnet50`` builds that network, and so on for each."""

from __future__ import annotations

from functools import partial
from typing import Any

from cnnforge_applications import NETWORKS
from cnnforge_applications.model import build


def __getattr__(name: str) -> Any:
    """Return the function that builds a network."""
    if name not in NETWORKS:
        raise AttributeError(f"no network {name!r} in keras.applications")
    return partial(build, name)
