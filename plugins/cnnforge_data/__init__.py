"""Photographs before anyone trains on them: ``data download``, ``data check``, ``data store``, and a look at pixels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import cnnforge

if TYPE_CHECKING:
    from cnnforge.data import Manifest


@cnnforge.hookimpl
def cnnforge_commands() -> Iterator[cnnforge.CommandSpec]:
    """Bring the commands."""
    yield cnnforge.CommandSpec(
        name="data download",
        summary="Download the photographs of a data source.",
        app="cnnforge_data.download_command:download",
    )
    yield cnnforge.CommandSpec(
        name="data check",
        summary="Print what photographs there are, what is left out and why, and what occurs twice.",
        app="cnnforge_data.check_command:check",
        function="cnnforge_data.interface:check",
    )
    yield cnnforge.CommandSpec(
        name="data arrays",
        summary="Write photographs as arrays of pixels and labels, as a run would train on them.",
        app="cnnforge_data.arrays_command:arrays",
        function="cnnforge_data.interface:open_data",
    )
    yield cnnforge.CommandSpec(
        name="data store",
        summary="List the decoded images that are kept from run to run, or delete them.",
        app="cnnforge_data.store_command:store",
    )


@cnnforge.hookimpl
def cnnforge_data_prepared(manifest: Manifest) -> Iterable[str]:
    """Warn of pixels that look odd."""
    from cnnforge_data.oddities import odd_pixels

    return odd_pixels(manifest)
