"""What a trained network sees in images: the command ``predict`` and ``Run.predict``."""

from __future__ import annotations

from collections.abc import Iterator

import cnnforge


@cnnforge.hookimpl
def cnnforge_commands() -> Iterator[cnnforge.CommandSpec]:
    """Bring the command."""
    yield cnnforge.CommandSpec(
        name="predict",
        summary="Print the most probable class of each image.",
        app="cnnforge_predict.command:predict",
        function="cnnforge_predict.interface:predict",
    )
