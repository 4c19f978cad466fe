"""Handing a trained network to other programs: the command ``export`` and its formats."""

from __future__ import annotations

from collections.abc import Iterator

import cnnforge


@cnnforge.hookimpl
def cnnforge_commands() -> Iterator[cnnforge.CommandSpec]:
    """Bring the command."""
    yield cnnforge.CommandSpec(
        name="export",
        summary="Write a trained network for other programs, and check it.",
        app="cnnforge_export.command:export",
    )
