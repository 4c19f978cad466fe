"""``cnnforge report``: make a run's report and model card again, from its files alone."""

from __future__ import annotations

import typer

from cnnforge import run_dir
from cnnforge.cli.options import RunArgument


def report(run: RunArgument) -> None:
    """Make a run's report and model card again, from its files alone."""
    from cnnforge.report.writing import write_report

    directory = run_dir.find(run)
    typer.echo(f"Report      {write_report(directory)}")
    if directory.model_card.is_file():
        typer.echo(f"Model card  {directory.model_card}")
