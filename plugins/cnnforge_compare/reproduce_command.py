"""``cnnforge reproduce RUN``: train again from a run's own record and say whether the result is the same."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnnforge.cli import DataOption, RunArgument, echo_json, registry, render, run_command, wrap
from cnnforge.running import RunDir, default_run_name, find_run
from cnnforge.system import files

if TYPE_CHECKING:
    from cnnforge_compare.reproduction import Reproduction

_MEANING = {
    "equal": "every figure of every epoch, every prediction and every weight is the same.",
    "within tolerance": "the accuracy lies in the 95 % interval of the recorded one.",
    "different": "the accuracy lies outside the 95 % interval of the recorded one.",
}


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
    recorded = find_run(run)
    from cnnforge.report import write_report
    from cnnforge_compare import reproduction

    reproduction.check_finished(recorded)
    again = RunDir(runs_dir / default_run_name(recorded.read_run()["recipe"], "again"))
    with contextlib.redirect_stdout(sys.stderr):
        run_command(str(recorded.recipe), data=data, runs_dir=runs_dir, name=again.path.name)
    found = reproduction.compare(recorded, again)
    content = {"recorded": str(recorded.path.absolute()), "again": str(again.path.absolute()), **asdict(found)}
    files.write_json(again.reproduction, content)
    write_report(again.path, registry())
    if as_json:
        echo_json(content)
    else:
        typer.echo(_text(found))
    if found.verdict == reproduction.DIFFERENT:
        raise typer.Exit(1)


def _text(found: Reproduction) -> str:
    rows = [(name, f"{old:.6g}", f"{new:.6g}") for name, (old, new) in found.figures.items()]
    lines = [
        wrap(f"{found.verdict}: {_MEANING[found.verdict]}"),
        "",
        render(("figure", "recorded", "again"), rows),
    ]
    if found.causes:
        lines += ["", "Not the same for both:", *(f"  {cause}" for cause in found.causes)]
    elif found.verdict != "equal":
        lines += ["", wrap("Nothing that is recorded differs: the order in which processors sum is left to chance.")]
    return "\n".join(lines)
