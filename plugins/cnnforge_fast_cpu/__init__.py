"""What makes training steps faster on a processor, and measures them: the command ``benchmark``."""

from __future__ import annotations

from collections.abc import Iterator

import cnnforge


@cnnforge.hookimpl
def cnnforge_commands() -> Iterator[cnnforge.CommandSpec]:
    """Bring the command."""
    yield cnnforge.CommandSpec(
        name="benchmark",
        summary="Measure where the time of a recipe goes on this machine.",
        app="cnnforge_fast_cpu.command:benchmark",
    )
