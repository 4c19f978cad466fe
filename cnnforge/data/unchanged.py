"""Whether the data of a run are still those it was started with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cnnforge.data.manifest import Manifest
from cnnforge.errors import DataError
from cnnforge.system import read_lines

_SHOWN = 5


def check_unchanged(fingerprint: str, path: Path, manifest: Manifest) -> None:
    """Compare the images found now with those that a run was started with.

    Args:
        fingerprint: Of the images that it was started with.
        path: The manifest that was written then, in the run's directory.
        manifest: Of the images found now.

    Raises:
        DataError: They differ; the message says which images are new, missing or changed.
    """
    if fingerprint == manifest.fingerprint():
        return
    before = {line["name"]: line for line in read_lines(path) if "name" in line}
    now = {line["name"]: line for line in manifest.lines()}
    raise DataError(
        f"expected the images that {path.parent} was started with, received others:\n"
        + "\n".join(f"  {line}" for line in data_changes(before, now)),
        hint="put them back, start a new run, or go on with what there is now: --accept-changes",
    )


def data_changes(before: Mapping[str, Mapping[str, Any]], now: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for each kind of difference between two manifests, lines by name, with the first few names."""
    both = [name for name in now if name in before]
    kinds = {
        "new": [name for name in now if name not in before],
        "missing": [name for name in before if name not in now],
        "changed content": [name for name in both if _differ(before[name], now[name], "sha256", "left_out")],
        "another class": [name for name in both if _differ(before[name], now[name], "class")],
        "another split": [
            name
            for name in both
            if not _differ(before[name], now[name], "sha256", "left_out") and _differ(before[name], now[name], "split")
        ],
    }
    for kind, names in kinds.items():
        if names:
            more = ", …" if len(names) > _SHOWN else ""
            yield f"{len(names)} {kind}: {', '.join(names[:_SHOWN])}{more}"


def _differ(one: Mapping[str, Any], other: Mapping[str, Any], *keys: str) -> bool:
    return any(one.get(key) != other.get(key) for key in keys)
