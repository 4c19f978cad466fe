"""How good a trained network is, on its own or on other photographs: the command ``evaluate`` and ``Run.evaluate``."""

from __future__ import annotations

from collections.abc import Iterator

import cnnforge


@cnnforge.hookimpl
def cnnforge_commands() -> Iterator[cnnforge.CommandSpec]:
    """Bring the command."""
    yield cnnforge.CommandSpec(
        name="evaluate",
        summary="Measure a trained run on its own or on other photographs.",
        app="cnnforge_evaluate.command:evaluate",
        function="cnnforge_evaluate.interface:evaluate",
    )
