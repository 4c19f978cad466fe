"""Two runs beside each other: the commands ``compare`` and ``reproduce``."""

from __future__ import annotations

from collections.abc import Iterator

import cnnforge


@cnnforge.hookimpl
def cnnforge_commands() -> Iterator[cnnforge.CommandSpec]:
    """Bring the commands."""
    yield cnnforge.CommandSpec(
        name="compare",
        summary="Compare runs: recipes, measures, and where they disagree.",
        app="cnnforge_compare.compare_command:compare",
    )
    yield cnnforge.CommandSpec(
        name="reproduce",
        summary="Train a run again from its record and compare the two.",
        app="cnnforge_compare.reproduce_command:reproduce",
    )
