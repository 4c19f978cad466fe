"""A trained network over HTTP: the command ``serve``."""

from __future__ import annotations

from collections.abc import Iterator

import cnnforge


@cnnforge.hookimpl
def cnnforge_commands() -> Iterator[cnnforge.CommandSpec]:
    """Bring the command."""
    yield cnnforge.CommandSpec(
        name="serve",
        summary="Answer over HTTP what an image shows, with a page to try it.",
        app="cnnforge_serve.command:serve",
        function="cnnforge_serve.interface:serve",
    )
