"""``cnnforge report``: make a run's report and model card again, from its files alone."""

from __future__ import annotations

import typer

from cnnforge.cli.options import RunArgument
from cnnforge.interface import registry
from cnnforge.running import find_run


def report(run: RunArgument) -> None:
    """Make a run's report and model card again, from its files alone."""
    from cnnforge.report import write_report

    directory = find_run(run)
    typer.echo(f"Report      {write_report(directory.path, registry())}")
    if directory.model_card.is_file():
        typer.echo(f"Model card  {directory.model_card}")
