"""``cnnforge reproduce RUN``: train again from a run's own record and say whether the result is the same."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnnforge.cli import DataOption, RunArgument, echo_json, render, wrap
from cnnforge.interface import load, terminal_reporter

if TYPE_CHECKING:
    from cnnforge_compare.interface import Reproduced


def reproduce(
    run: RunArgument,
    data: DataOption = None,
    runs_dir: Annotated[Path, typer.Option("--runs-dir", help="Parent of the new run directory.")] = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Train a run again from its record and compare the two.

    The outcome is equal, within tolerance, or different, and because of what.

    The exit code is 1 if it is different.
    """
    recorded = load(run)
    from cnnforge_compare.interface import reproduce as reproduced

    with terminal_reporter(sys.stderr) as reporter:
        outcome = reproduced(recorded, data=data, runs_dir=runs_dir, reporter=reporter)
    if as_json:
        echo_json(dict(outcome.content))
    else:
        typer.echo(_text(outcome))
    if outcome.verdict == "different":
        raise typer.Exit(1)


def _text(outcome: Reproduced) -> str:
    from cnnforge_compare.interface import MEANING

    rows = [(name, f"{old:.6g}", f"{new:.6g}") for name, (old, new) in outcome.figures.items()]
    lines = [
        wrap(f"{outcome.verdict}: {MEANING[outcome.verdict]}"),
        "",
        render(("figure", "recorded", "again"), rows),
    ]
    if outcome.causes:
        lines += ["", "Not the same for both:", *(f"  {cause}" for cause in outcome.causes)]
    elif outcome.verdict != "equal":
        lines += ["", wrap("Nothing that is recorded differs: the order in which processors sum is left to chance.")]
    return "\n".join(lines)
