"""How ``cnnforge data store`` shows the image stores."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cnnforge.cli.table import render

if TYPE_CHECKING:
    from cnnforge.data import StoreInfo


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
