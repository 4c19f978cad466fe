"""``cnnforge evaluate RUN``: how good a trained network is, on its own test images or on others."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cnnforge.cli.common import echo_json, load_trained, registry, resolve_recipe
from cnnforge.cli.options import RunArgument
from cnnforge.cli.table import render, wrap
from cnnforge.cli.terminal import terminal_reporter
from cnnforge.errors import RecipeError
from cnnforge.evaluation import EvaluationDir
from cnnforge.running import default_run_name, find_run
from cnnforge.system import one_line

if TYPE_CHECKING:
    from cnnforge.images import LabelledImages
    from cnnforge.running import RunDir

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
    is_own = data is None or split is not None
    directory = find_run(run)
    images = _open(directory, data, settings or [], is_own=is_own)
    trained = load_trained(run)
    from cnnforge.running import evaluate_run, other_data, own_split

    with terminal_reporter(sys.stderr) as reporter:
        if images.notice:
            reporter.warn(images.notice)
        reading = partial(reporter.progress, "Reading images")
        if is_own:
            split = split or trained.resolved.recipe.evaluation.split
            selection = own_split(trained, images, split, reading)
        else:
            selection = other_data(trained, images, reading)
        words = re.sub(r"[^a-z0-9]+", "-", (data.stem if data else selection.split).lower()).strip("-")
        folder = EvaluationDir(directory.evaluations / default_run_name(words))
        evaluating = partial(reporter.progress, "Evaluating")
        result = evaluate_run(trained, selection, folder, registry(), evaluating, location=images.location)
        for warning in result["warnings"]:
            reporter.warn(warning)
    if as_json:
        echo_json({"folder": str(folder.path), **result})
    else:
        typer.echo(f"{_text(result)}\n\n" + one_line(f"Written  {folder.path}"))


def _open(directory: RunDir, data: Path | None, settings: Sequence[str], *, is_own: bool) -> LabelledImages:
    """Return the images to evaluate on; whatever is wrong with them is said before Keras is imported."""
    from cnnforge.data import open_source
    from cnnforge.running import other_recipe

    if data is not None and not is_own:
        return open_source(other_recipe(directory, data, settings, registry()), min_classes=1)
    if settings:
        raise RecipeError("expected --set only beside --data without --split", hint="the run's own data are fixed")
    return open_source(resolve_recipe(str(directory.recipe), data=data))


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
