"""Is everything as it should be? ``cnnforge doctor`` asks the machine, ``cnnforge plugins check`` the plugins."""

from __future__ import annotations

from collections.abc import Iterator

import cnnforge


@cnnforge.hookimpl
def cnnforge_commands() -> Iterator[cnnforge.CommandSpec]:
    """Bring the commands."""
    yield cnnforge.CommandSpec(
        name="doctor",
        summary="Show versions, devices and memory, and what is missing.",
        app="cnnforge_doctor.command:doctor",
    )
    yield cnnforge.CommandSpec(
        name="plugins check",
        summary="Import everything that plugins name, in processes of their own.",
        app="cnnforge_doctor.command:check",
    )
