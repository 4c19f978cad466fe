"""What the commands share: everything with a name, and JSON on standard output."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import typer

from cnnforge.host import Entry
from cnnforge.interface import registry

HEAVY = ("tensorflow", "keras", "jax", "torch", "numpy", "keras_tuner", "matplotlib", "PIL", "cv2", "scipy", "pandas")
"""What every command would wait for, were it imported with the command line or with a plugin's entry module."""


def entries() -> Iterator[Entry[Any]]:
    """Yield every entry of every kind."""
    for catalogue in registry().catalogues().values():
        yield from catalogue.all()


def describe_entry(entry: Entry[Any]) -> dict[str, Any]:
    """Return what identifies an entry, for JSON."""
    spec = entry.spec
    return {"kind": kind_of(entry), "name": spec.name, "summary": spec.headline, "plugin": entry.plugin}


def kind_of(entry: Entry[Any]) -> str:
    """Return the kind of an entry as the command line writes it, such as ``data-source``."""
    kind: str = entry.spec.kind
    return kind.replace(" ", "-")


def echo_json(value: Any) -> None:
    """Print JSON, in ASCII, so that no terminal's encoding can spoil it."""
    typer.echo(json.dumps(value, indent=2))
