"""Names that a shell completes: recipes, architectures, data sources, plugins, runs. Nothing heavy is imported."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from pathlib import Path

from cnnforge.cli.common import entries, kind_of
from cnnforge.errors import CnnforgeError
from cnnforge.interface import registry

Complete = Callable[[str], list[str]]
"""Takes what has been typed of a word; returns the names that begin so."""


def names_of(kind: str = "") -> Complete:
    """Return the completion of the names of one kind, such as ``recipe``; of all kinds if none is given."""
    return _quiet(lambda: [entry.spec.name for entry in entries() if kind in ("", kind_of(entry))])


def _quiet(names: Callable[[], list[str]]) -> Complete:
    """Return a completion that says nothing of broken plugins: it would stand in the middle of the command line."""

    def complete(incomplete: str) -> list[str]:
        with contextlib.suppress(CnnforgeError, OSError), contextlib.redirect_stderr(io.StringIO()):
            return sorted({name for name in names() if name.startswith(incomplete)})
        return []

    return complete


complete_recipes = names_of("recipe")
complete_architectures = names_of("architecture")
complete_data_sources = names_of("data-source")
complete_export_formats = names_of("export-format")
complete_all_names = names_of()
complete_plugins = _quiet(lambda: list(registry().host.plugins))
complete_runs = _quiet(lambda: [path.parent.name for path in Path("runs").glob("[!.]*/run.json")])
