"""``cnnforge report``: make a run's report and model card again, from its files alone."""

from __future__ import annotations

import typer

from cnnforge.cli.options import RunArgument
from cnnforge.runs import run_dir


def report(run: RunArgument) -> None:
    """Make a run's report and model card again, from its files alone."""
    from cnnforge.report.writing import write_report

    directory = run_dir.find(run)
    typer.echo(f"Report      {write_report(directory)}")
    if directory.model_card.is_file():
        typer.echo(f"Model card  {directory.model_card}")
