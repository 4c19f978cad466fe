"""``cnnforge evaluate RUN``: how good a trained network is, on its own test images or on others."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cnnforge.cli.common import echo_json, load_trained, registry, resolve_recipe
from cnnforge.cli.options import RunArgument
from cnnforge.cli.table import render, wrap
from cnnforge.errors import RecipeError

if TYPE_CHECKING:
    from cnnforge.labelled_images import LabelledImages
    from cnnforge.reporter import Reporter
    from cnnforge.results.trained_run import TrainedRun
    from cnnforge.run_dir import RunDir

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
    """Measure a trained run and write the result into a new folder of it."""
    from cnnforge import run_dir
    from cnnforge.cli.terminal import terminal_reporter

    directory = run_dir.find(run)
    images = _open(directory, data, split, settings or [])
    trained = load_trained(run)
    with terminal_reporter(sys.stderr) as reporter:
        if images.notice:
            reporter.warn(images.notice)
        is_other = data is not None and split is None
        folder, result = _evaluate(trained, images, None if is_other else split, data, reporter)
        for warning in result["warnings"]:
            reporter.warn(warning)
    if as_json:
        echo_json({"folder": str(folder), **result})
    else:
        typer.echo(_text(result) + f"\n\nWritten  {folder}")


def _open(directory: RunDir, data: Path | None, split: str | None, settings: list[str]) -> LabelledImages:
    """Return the images to evaluate on; whatever is wrong with them is said before Keras is imported."""
    from cnnforge.data.prepare import open_source
    from cnnforge.results.evaluated_images import other_recipe

    if data is None or split is not None:
        if settings:
            raise RecipeError("expected --set only beside --data without --split", hint="the run's own data are fixed")
        return open_source(resolve_recipe(str(directory.recipe), data=data))
    return open_source(other_recipe(directory, data, settings, registry()))


def _evaluate(
    trained: TrainedRun, images: LabelledImages, split: str | None, data: Path | None, reporter: Reporter
) -> tuple[Path, dict[str, Any]]:
    """Return the new folder of the evaluation, and what is in its ``evaluation.json``."""
    from cnnforge.results import evaluated_images, evaluation
    from cnnforge.run_dir import EvaluationDir, default_name

    def progress(label: str) -> Any:
        return lambda done, total: reporter.progress(label, done, total)

    if data is None or split is not None:
        split = split or trained.resolved.recipe.evaluation.split
        chosen = evaluated_images.own_split(trained, images, split, progress("Reading images"))
    else:
        chosen = evaluated_images.other_data(trained, images, progress("Reading images"))
    words = re.sub(r"[^a-z0-9]+", "-", (data.stem if data else chosen.split).lower()).strip("-")
    directory = EvaluationDir(trained.directory.evaluations / default_name(words or "data"))
    result = evaluation.evaluate(trained, chosen, directory, progress("Evaluating"), location=images.location)
    return directory.path, result


def _text(found: dict[str, Any]) -> str:
    low, high = found["accuracy_interval"]
    measures = [
        ("accuracy", f"{found['accuracy']:.4f}, 95 % interval {low:.4f} to {high:.4f}"),
        (f"always {found['baseline_class']!r}", f"{found['baseline_accuracy']:.4f}"),
        ("loss (cross-entropy)", f"{found['loss']:.4f}"),
        ("area under the ROC curve", _number(found["roc_auc"])),
        ("average precision", _number(found["average_precision"])),
        ("expected calibration error", f"{found['expected_calibration_error']:.4f}"),
    ]
    classes = [
        (
            row["name"],
            *(_number(row[key]) for key in ("precision", "recall", "f1", "roc_auc")),
            f"{row['num_images']:,}",
        )
        for row in found["per_class"]
    ]
    sections = [
        wrap(f"{found['num_images']:,} images ({found['split']}) of {found['location']}"),
        render(("measure", "value"), measures),
        render(("class", "precision", "recall", "F1", "ROC area", "images"), classes),
    ]
    if len(classes) <= _MAX_MATRIX_CLASSES:
        names, matrix = found["class_names"], found["confusion_matrix"]
        rows = [(name, *(f"{n:,}" for n in counts)) for name, counts in zip(names, matrix, strict=True)]
        sections.append(render(("label \\ predicted", *names), rows))
    return "\n\n".join(sections)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
