"""``cnnforge evaluate RUN``: how good a trained network is, on its own test images or on others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from cnnforge.cli import RunArgument, echo_json, render, wrap
from cnnforge.interface import load, registry
from cnnforge.system import one_line

_MAX_MATRIX_CLASSES = 8  # of a confusion matrix in a terminal


def evaluate(
    run: RunArgument,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Other photographs: all of them; with --split, where the run's own are now."),
    ] = None,
    split: Annotated[
        Literal["test", "validation", "train"] | None,
        typer.Option("--split", help="A split of the run; default: the one its recipe names."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="DATA.OPTION=VALUE", help="An option of the data source, for other photographs."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the measures as JSON.")] = False,
) -> None:
    """Measure a trained run on its own or on other photographs.

    The result is written into a new folder of the run.
    """
    result = load(run).evaluate(data, split=split, settings=settings or ())
    if as_json:
        echo_json(result)
    else:
        typer.echo(f"{_text(result)}\n\n" + one_line(f"Written  {result['folder']}"))


def _text(evaluation: dict[str, Any]) -> str:
    from cnnforge.evaluation import measure_specs
    from cnnforge.report import class_figures, summary_rows, verdict

    headers = ("class", "images", "recall", "95 % interval", "precision", "F1", "ROC area")
    classes = [
        (of.name, f"{of.num_images:,}", of.recall, of.intervals[1], of.precision, of.f1, _number(row["roc_auc"]))
        for of, row in zip(class_figures(evaluation), evaluation["per_class"], strict=True)
    ]
    sections = [
        wrap(f"{evaluation['num_images']:,} images ({evaluation['split']}) of {evaluation['location']}"),
        render(("measure", "value"), summary_rows(evaluation, measure_specs(registry()))),
        *([wrap(verdict(evaluation))] if evaluation["accuracy_interval"][0] <= evaluation["baseline_accuracy"] else []),
        render(headers, classes),
    ]
    if len(classes) <= _MAX_MATRIX_CLASSES:
        names, matrix = evaluation["class_names"], evaluation["confusion_matrix"]
        rows = [(name, *(f"{n:,}" for n in counts)) for name, counts in zip(names, matrix, strict=True)]
        sections.append(render(("label \\ predicted", *names), rows))
    return "\n\n".join(sections).replace("\N{NO-BREAK SPACE}", " ")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
