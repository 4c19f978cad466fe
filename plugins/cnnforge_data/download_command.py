"""``cnnforge data download``: the photographs of a data source."""

from __future__ import annotations

from typing import Annotated

import typer

from cnnforge.cli import complete_data_sources
from cnnforge.errors import RecipeError
from cnnforge.host import import_deferred
from cnnforge.interface import registry
from cnnforge_data.download_progress import download_progress


def download(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="A data source, as `cnnforge list data-sources` prints it.",
            autocompletion=complete_data_sources,
        ),
    ],
) -> None:
    """Download the photographs of a data source.

    An interrupted download is continued.
    """
    entry = registry().data_sources.get(name)
    if entry.spec.download is None:
        downloadable = [e.spec.name for e in registry().data_sources.all() if e.spec.download]
        raise RecipeError(
            f"expected a data source that can be downloaded, received {name!r}."
            f" Available: {', '.join(downloadable) or 'none'}",
            hint="give photographs of your own with --data",
        )
    fetch = import_deferred(entry.spec.download, f"data source {name!r} of plugin {entry.plugin}")
    with download_progress(name) as progress:
        path = fetch(progress=progress)
    typer.echo(f"{name}: {path}")
