"""``cnnforge compare RUN RUN…``: what distinguishes runs, as tables and as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cnnforge.cli import complete_runs, echo_json
from cnnforge.errors import RecipeError
from cnnforge.interface import load
from cnnforge.running import default_run_name
from cnnforge.system import one_line


def compare(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...", help="Folders of runs, or their names below runs/.", autocompletion=complete_runs
        ),
    ],
    page: Annotated[
        Path | None, typer.Option("--page", help="HTML file to write; default: a new one beside the first run.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Compare runs: recipes, measures, and where they disagree.

    With McNemar's test on the photographs that they have in common.
    """
    opened = [load(run) for run in runs]
    from cnnforge_compare.interface import compare as compared

    if page is not None and page.exists():
        raise RecipeError(f"expected a new file, received --page {page}, which exists already")
    comparison = compared(opened)
    path = comparison.save(page or opened[0].directory.absolute().parent / f"{default_run_name('comparison')}.html")
    if as_json:
        echo_json({"page": str(path), **comparison.to_dict()})
    else:
        typer.echo(f"{comparison!r}\n\n" + one_line(f"Page  {path}"))
