"""``cnnforge runs prune``: delete runs by rules."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path
from typing import Annotated

import typer

from cnnforge.cli import accuracy_text, megabytes_text, render
from cnnforge.errors import RecipeError, StorageError
from cnnforge.running import RunSummary, list_runs
from cnnforge.system import one_line
from cnnforge_compare.pruning import PruningRules, prunable, remove_run


def prune(
    runs_dir: Annotated[Path, typer.Option("--runs-dir", help="Folder of the runs.")] = Path("runs"),
    unfinished: Annotated[
        bool, typer.Option("--unfinished", help="Delete runs that failed, were interrupted or killed.")
    ] = False,
    keep_best: Annotated[
        int | None,
        typer.Option("--keep-best", metavar="K", min=1, help="Delete finished runs, but the K best of each recipe."),
    ] = None,
    older_than: Annotated[
        float | None,
        typer.Option("--older-than", metavar="DAYS", min=0, help="Of these, only runs that started longer ago."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
) -> None:
    """Delete runs, after showing which and how much disk that frees.

    A running run is never deleted, nor the best run with weights of a recipe.
    """
    rules = PruningRules(unfinished, keep_best, older_than)
    if rules == PruningRules():
        raise RecipeError("expected --unfinished, --keep-best K or --older-than DAYS, received none of them")
    deletable = prunable(list_runs(runs_dir), rules, datetime.datetime.now(datetime.UTC))
    if not deletable:
        typer.echo(f"nothing to delete in {runs_dir}")
        return
    rows = [(run.name, reason, accuracy_text(run), megabytes_text(run)) for run, reason in deletable]
    typer.echo(render(("run", "why", "accuracy", "MB"), rows))
    total = f"{len(deletable)} runs, {sum(run.num_bytes for run, _ in deletable) / 1e6:,.1f} MB"
    if not yes and not sys.stdin.isatty():
        typer.echo(f"{total}; nothing is deleted without --yes")
    elif yes or typer.confirm(f"Delete {total}?"):
        num_gone = sum([_remove(run) for run, _ in deletable])
        typer.echo(f"deleted {num_gone} of {total}")


def _remove(run: RunSummary) -> bool:
    try:
        return remove_run(run)
    except StorageError as error:  # which must not keep the others
        typer.echo(f"! {one_line(str(error))}", err=True)
        return False
