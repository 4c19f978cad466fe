"""Keras's own format: takes decoded images at the size of the network."""

from __future__ import annotations

from pathlib import Path

from cnnforge.runs import TrainedRun


def write(trained: TrainedRun, path: Path) -> None:
    """Write the network as it is, its layers and its own output."""
    trained.model.save(path)
