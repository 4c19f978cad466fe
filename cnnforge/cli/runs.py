"""``cnnforge runs``: what runs there are, and which of them may go."""

from __future__ import annotations

import datetime
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from cnnforge.cli.common import echo_json
from cnnforge.cli.table import render
from cnnforge.errors import RecipeError, StorageError
from cnnforge.running import SORT_KEYS, PruningRules, RunSummary, list_runs, prunable, remove_run
from cnnforge.system import one_line

app = typer.Typer(rich_markup_mode=None)

RunsDir = Annotated[Path, typer.Option("--runs-dir", help="Folder of the runs.")]


@app.callback(invoke_without_command=True)
def runs(
    context: typer.Context,
    runs_dir: RunsDir = Path("runs"),
    sort: Annotated[
        Literal["started", "accuracy", "size", "name"], typer.Option("--sort", help="Latest, best or largest first.")
    ] = "started",
    recipe: Annotated[str | None, typer.Option("--recipe", help="Only runs of this recipe.")] = None,
    status: Annotated[str | None, typer.Option("--status", help="Only runs with this status.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of objects.")] = False,
) -> None:
    """List runs with status, accuracy and size on disk."""
    if context.invoked_subcommand is not None:
        return
    listed = [r for r in list_runs(runs_dir) if recipe in (None, r.recipe) and status in (None, r.status)]
    listed.sort(key=SORT_KEYS[sort], reverse=sort != "name")
    if as_json:
        echo_json([_describe(run) for run in listed])
    elif listed:
        rows = [(run.name, run.status, _accuracy(run), _megabytes(run)) for run in listed]
        typer.echo(render(("run", "status", "accuracy", "MB"), rows))
    else:
        typer.echo(f"no runs in {runs_dir}")


@app.command("prune")
def prune(
    runs_dir: RunsDir = Path("runs"),
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
    rows = [(run.name, reason, _accuracy(run), _megabytes(run)) for run, reason in deletable]
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


def _describe(run: RunSummary) -> dict[str, Any]:
    return {"name": run.name, **asdict(run), "path": str(run.path)}


def _accuracy(run: RunSummary) -> str:
    if run.accuracy is None or run.interval is None:
        return "-"
    return f"{run.accuracy:.3f} ({run.interval[0]:.3f}-{run.interval[1]:.3f})"


def _megabytes(run: RunSummary) -> str:
    return f"{run.num_bytes / 1e6:,.1f}"
