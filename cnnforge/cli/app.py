"""The application: its commands and the options that all of them share."""

from __future__ import annotations

from typing import Annotated

import typer

import cnnforge
from cnnforge.cli.data import app as data_app
from cnnforge.cli.doctor import doctor
from cnnforge.cli.evaluate import evaluate
from cnnforge.cli.list import list_names
from cnnforge.cli.new import app as new_app
from cnnforge.cli.plugins import app as plugins_app
from cnnforge.cli.predict import predict
from cnnforge.cli.report import report
from cnnforge.cli.run import run
from cnnforge.cli.runs import app as runs_app
from cnnforge.cli.show import show
from cnnforge_compare.compare_command import compare
from cnnforge_compare.reproduce_command import reproduce
from cnnforge_explain.command import explain
from cnnforge_export.command import export
from cnnforge_fast_cpu.command import benchmark
from cnnforge_serve.command import serve
from cnnforge_tuning.command import tune

# Help without rich markup: importing rich would take as long as everything else `--help` does.
app = typer.Typer(name="cnnforge", pretty_exceptions_enable=False, rich_markup_mode=None)
app.command("run")(run)
app.command("tune")(tune)
app.command("evaluate")(evaluate)
app.command("predict")(predict)
app.command("explain")(explain)
app.command("report")(report)
app.command("compare")(compare)
app.command("reproduce")(reproduce)
app.command("serve")(serve)
app.command("benchmark")(benchmark)
app.command("export")(export)
app.command("doctor")(doctor)
app.command("list")(list_names)
app.command("show")(show)
app.add_typer(plugins_app, name="plugins")
app.add_typer(runs_app, name="runs")
app.add_typer(data_app, name="data")
app.add_typer(new_app, name="new")


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"cnnforge {cnnforge.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def cnnforge_command(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit.")
    ] = False,
    traceback: Annotated[
        bool, typer.Option("--traceback", help="Print the traceback of an error; may stand anywhere.")
    ] = False,
) -> None:
    """Train, tune and ship image classifiers; architectures and data sources are plugins.

    `cnnforge run catsdogs` trains the classic cats-vs-dogs network; `cnnforge list` shows what else there is.
    """
    del version, traceback  # both are dealt with before this is called
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
