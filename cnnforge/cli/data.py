"""``cnnforge data``: photographs, before anyone trains on them."""

from __future__ import annotations

import datetime
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnnforge.cli.common import echo_json, registry, resolve_recipe
from cnnforge.cli.completion import complete_data_sources
from cnnforge.cli.options import SettingsOption
from cnnforge.cli.table import render
from cnnforge.cli.terminal import download_progress, terminal_reporter
from cnnforge.errors import RecipeError
from cnnforge.host import import_deferred

if TYPE_CHECKING:
    from cnnforge.data import StoreInfo

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Recipe = Annotated[str, typer.Option("--recipe", help="Recipe whose data source and settings are used.")]


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


@app.command("check")
def check(
    path: Annotated[Path | None, typer.Argument(help="Folder or archive of photographs.")] = None,
    recipe: Recipe = "directory-cnn",
    settings: SettingsOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Print what photographs there are, what is left out and why, and what occurs twice."""
    resolved = resolve_recipe(recipe, data=path, settings=settings or [])
    from cnnforge.data import data_lines, describe_data, open_source, prepare

    images = open_source(resolved)
    with terminal_reporter(sys.stderr) as reporter:
        data = prepare(resolved, images, lambda done, total: reporter.progress("Reading images", done, total))
    facts = describe_data(images, data.manifest)
    if as_json:
        echo_json(facts)
    else:
        typer.echo("\n".join(data_lines(facts)))


@app.command("store")
def store(
    clear: Annotated[bool, typer.Option("--clear", help="Delete every store, and the features.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of objects.")] = False,
) -> None:
    """List the decoded images that are kept from run to run, or delete them."""
    from cnnforge.data import features_dir, list_stores, remove_store

    stores = list_stores()
    if clear:
        for info in stores:
            remove_store(info)
        shutil.rmtree(features_dir(), ignore_errors=True)
        typer.echo(f"deleted {len(stores)} stores, {sum(info.num_bytes for info in stores) / 1e9:.2f} GB")
    elif as_json:
        echo_json([_describe(info) for info in stores])
    else:
        typer.echo(_store_table(stores))


def _describe(info: StoreInfo) -> dict[str, Any]:
    return {
        "path": str(info.path),
        "location": info.location,
        "num_images": info.num_images,
        "num_bytes": info.num_bytes,
        "settings": json.loads(info.settings),
        "last_used": datetime.datetime.fromtimestamp(info.last_used, datetime.UTC).isoformat(timespec="seconds"),
    }


def _store_table(stores: Sequence[StoreInfo]) -> str:
    from cnnforge.data import limit_bytes, stores_dir

    if not stores:
        return f"no stores in {stores_dir()}"
    rows = [
        (
            s["location"],
            f"{s['settings']['height']}×{s['settings']['width']}",
            f"{s['num_images']:,}",
            f"{s['num_bytes'] / 1e9:.2f}",
            s["last_used"][:16].replace("T", " "),
        )
        for s in map(_describe, stores)
    ]
    total = sum(info.num_bytes for info in stores) / 1e9
    return (
        render(("images of", "size", "images", "GB", "last used"), rows)
        + f"\n{total:.2f} GB of at most {limit_bytes() / 1e9:.2f} GB, in {stores_dir()}"
    )
