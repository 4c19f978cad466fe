"""``cnnforge list``: everything with a name."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cnnforge.cli.common import describe_entry, echo_json
from cnnforge.cli.table import render
from cnnforge.errors import UnknownNameError, did_you_mean
from cnnforge.host import KINDS, Catalogue
from cnnforge.interface import registry


def list_names(
    kind: Annotated[
        str | None,
        typer.Argument(metavar="KIND", help=f"One of {', '.join(KINDS)}; all if left out."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of objects.")] = False,
) -> None:
    """List everything that has a name."""
    catalogues = registry().catalogues()
    if kind is not None and kind not in catalogues:
        raise UnknownNameError(f"unknown kind {kind!r}.{did_you_mean(kind, catalogues)} Known: {', '.join(catalogues)}")
    wanted = {kind: catalogues[kind]} if kind else {name: c for name, c in catalogues.items() if c.entries}
    if as_json:
        echo_json([item for catalogue in wanted.values() for item in _describe(catalogue)])
    else:
        typer.echo("\n\n".join(_section(title, catalogue) for title, catalogue in wanted.items()))


def _describe(catalogue: Catalogue[Any]) -> list[dict[str, Any]]:
    conflicts = catalogue.conflicts()
    return [{**describe_entry(e), "is_conflict": e.spec.name in conflicts} for e in catalogue.all()]


def _section(title: str, catalogue: Catalogue[Any]) -> str:
    """Return one kind as a table, with a line for each name in conflict."""
    if not catalogue.entries:
        return f"{title}: none"
    conflicts = catalogue.conflicts()
    rows = [
        (f"{e.spec.name} (conflict)" if e.spec.name in conflicts else e.spec.name, e.spec.headline, e.plugin)
        for e in catalogue.all()
    ]
    warnings = [
        f"conflict: {name} is claimed by {' and '.join(owners)}; to use it, switch all but one of them off with"
        f" CNNFORGE_DISABLE_PLUGINS={','.join(owners[1:])}"
        for name, owners in conflicts.items()
    ]
    return "\n".join([render((title, "summary", "plugin"), rows), *warnings])
