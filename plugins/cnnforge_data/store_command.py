"""``cnnforge data store``: the decoded images in the cache."""

from __future__ import annotations

import datetime
import json
import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnnforge.cli import echo_json, render

if TYPE_CHECKING:
    from cnnforge.data import StoreInfo


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
        echo_json(describe_stores(stores))
    else:
        typer.echo(store_table(stores))


def describe_stores(stores: Sequence[StoreInfo]) -> list[dict[str, Any]]:
    """Return the stores for JSON."""
    return [
        {
            "path": str(info.path),
            "location": info.location,
            "num_images": info.num_images,
            "num_bytes": info.num_bytes,
            "settings": json.loads(info.settings),
            "last_used": datetime.datetime.fromtimestamp(info.last_used, datetime.UTC).isoformat(timespec="seconds"),
        }
        for info in stores
    ]


def store_table(stores: Sequence[StoreInfo]) -> str:
    """Return the stores as a table."""
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
        for s in describe_stores(stores)
    ]
    total = sum(info.num_bytes for info in stores) / 1e9
    return (
        render(("images of", "size", "images", "GB", "last used"), rows)
        + f"\n{total:.2f} GB of at most {limit_bytes() / 1e9:.2f} GB, in {stores_dir()}"
    )
