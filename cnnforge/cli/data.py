"""``cnnforge data``: the commands of plugins about photographs, and the download of a data source's."""

from __future__ import annotations

from typing import Annotated

import typer

from cnnforge.cli.common import registry
from cnnforge.cli.completion import complete_data_sources
from cnnforge.cli.progress import download_progress
from cnnforge.errors import RecipeError
from cnnforge.host import import_deferred

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def data() -> None:
    """Get and check photographs; look after the image store."""


@app.command("download")
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
