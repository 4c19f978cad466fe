"""``cnnforge runs``: what runs there are, and which of them may go."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from cnnforge.cli.common import echo_json
from cnnforge.cli.table import render
from cnnforge.running import SORT_KEYS, RunSummary, list_runs

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
        rows = [(run.name, run.status, accuracy_text(run), megabytes_text(run)) for run in listed]
        typer.echo(render(("run", "status", "accuracy", "MB"), rows))
    else:
        typer.echo(f"no runs in {runs_dir}")


def _describe(run: RunSummary) -> dict[str, Any]:
    return {"name": run.name, **asdict(run), "path": str(run.path)}


def accuracy_text(run: RunSummary) -> str:
    """Return a run's accuracy and its interval, or a dash."""
    if run.accuracy is None or run.interval is None:
        return "-"
    return f"{run.accuracy:.3f} ({run.interval[0]:.3f}-{run.interval[1]:.3f})"


def megabytes_text(run: RunSummary) -> str:
    """Return what a run takes on the disk, in MB."""
    return f"{run.num_bytes / 1e6:,.1f}"
