"""Which images an evaluation is of: a split of the run as it was, or other data."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnforge.data import ImageRows, Progress, Scan, scan
from cnnforge.errors import DataError, RecipeError, did_you_mean
from cnnforge.evaluation import EvaluationDir, Predictions, predict_rows, write_evaluation
from cnnforge.host import Registry
from cnnforge.images import LabelledImages, meant_name, seen_name
from cnnforge.recipe import DataSection, ResolvedRecipe, Setting, apply_override, recipe_from_values, resolve
from cnnforge.running import RunDir, RunImages, now, split_lines
from cnnforge.system import expanded, one_line, read_lines

if TYPE_CHECKING:
    from cnnforge.running import TrainedRun  # imports Keras; what is chosen wrongly is said before that

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class EvaluatedImages:
    """Labelled images to evaluate on.

    Args:
        split: The name of the run's split, or ``all``.
        images: Where the pixels are.
        rows: The row of each image in ``images``.
        names: One for each row.
        labels: For each row the index of its class among the run's.
        warnings: What the user should know of them.
    """

    split: str
    images: ImageRows
    rows: np.ndarray
    names: Sequence[str]
    labels: np.ndarray
    warnings: Sequence[str] = ()


def other_recipe(directory: RunDir, path: Path, settings: Sequence[Setting], registry: Registry) -> ResolvedRecipe:
    """Return a run's recipe with its data source at another path, every other option of the source at its default.

    Args:
        directory: The run.
        path: The other data.
        settings: ``data.option=value`` each, or key and value.
        registry: Where names are looked up.

    Raises:
        RecipeError: A setting is no option of the data source.
    """
    values = tomllib.loads(directory.recipe.read_text(encoding="utf-8"))
    source = registry.data_sources.get(values["data"]["source"]).spec
    options = [f"data.{name}" for name in source.options.model_fields]
    for setting in settings:
        key = setting.partition("=")[0].strip() if isinstance(setting, str) else setting[0]
        if key not in options:
            raise RecipeError(
                f"expected an option of the data source {source.name!r}, received --set {setting}."
                f"{did_you_mean(key, options)} Known: {', '.join(options)}"
            )
    core = {key: value for key, value in values["data"].items() if key in DataSection.model_fields}
    values["data"] = {**core, "subset": 1.0, "path": str(expanded(path).absolute())}
    for setting in settings:
        apply_override(values, setting)
    return resolve(recipe_from_values(values, values["name"], str(directory.recipe)), registry)


def own_split(trained: TrainedRun, images: LabelledImages, split: str, progress: Progress) -> EvaluatedImages:
    """Return the images that the run's manifest has in a split, each checked to be what it was.

    Raises:
        DataError: The split has none, or images are missing, changed or labelled otherwise; the message says which.
    """
    wanted = split_lines(trained.directory, split)
    result = _scan(trained, images, progress)
    row_of = RunImages(images).row_of
    changes = [(line["name"], change) for line in wanted if (change := _change(line, row_of, images, result))]
    if changes:
        shown = "".join(f"\n  {one_line(name)}: {change}" for name, change in changes[:_SHOWN])
        more = f"\n  and {len(changes) - _SHOWN} more" if len(changes) > _SHOWN else ""
        raise DataError(
            f"expected the {len(wanted)} {split} images of the run as they were, received {len(changes)} that differ"
            f" in {images.location}:{shown}{more}",
            hint="put them back, say with --data where they are now, or evaluate all that is there: --data PATH"
            " without --split",
        )
    names = [line["name"] for line in wanted]
    labels = np.array([trained.class_names.index(line["class"]) for line in wanted])
    return EvaluatedImages(split, result.rows, np.array([row_of[name] for name in names]), names, labels, result.notes)


def other_data(trained: TrainedRun, images: LabelledImages, progress: Progress) -> EvaluatedImages:
    """Return all images of other data that can be read, their classes matched by name.

    Raises:
        DataError: They have a class that the run does not know, or no image can be read.
    """
    known, received = ([seen_name(name) for name in names] for names in (trained.class_names, images.class_names))
    _check_classes(known, received)
    result = _scan(trained, images, progress)
    rows = np.array([row for row in range(len(images)) if row not in result.scanned.reasons], np.int64)
    if not len(rows):
        raise DataError(f"expected images that can be read in {images.location}, received none")
    label_of = np.array([known.index(name) for name in received])
    labels = label_of[np.asarray(images.labels)[rows]]
    warnings = [
        *result.notes,
        *_left_out(images, result),
        *_missing(trained.class_names, labels),
        *_seen(trained, result, rows),
    ]
    return EvaluatedImages("all", result.rows, rows, [images.names[row] for row in rows], labels, warnings)


def evaluate_run(
    trained: TrainedRun,
    evaluated: EvaluatedImages,
    directory: EvaluationDir,
    registry: Registry,
    progress: Progress,
    *,
    location: str,
) -> dict[str, Any]:
    """Evaluate a trained run and write the result into a new folder; return the content of ``evaluation.json``."""
    predictions = Predictions(
        evaluated.split,
        trained.class_names,
        evaluated.names,
        evaluated.labels,
        predict_rows(trained.predictor(), evaluated.images, evaluated.rows, progress),
    )
    facts = {"location": location, "evaluated": now(), "warnings": list(evaluated.warnings)}
    return write_evaluation(
        directory,
        predictions,
        evaluated.images,
        evaluated.rows,
        num_mistakes=trained.resolved.recipe.evaluation.num_mistakes,
        registry=registry,
        **facts,
    )


def _scan(trained: TrainedRun, images: LabelledImages, progress: Progress) -> Scan:
    return scan(images, trained.decoding, trained.resolved.recipe.data.store, progress)


def _change(line: dict[str, Any], row_of: dict[str, int], images: LabelledImages, result: Scan) -> str | None:
    """Return in what an image differs from its line in the manifest."""
    row = row_of.get(line["name"])
    if row is None:
        return "missing"
    if row in result.scanned.reasons:
        return result.scanned.reasons[row]
    if result.scanned.sha256[row].tobytes().hex() != line["sha256"]:
        return "its content has changed"
    class_name = images.class_names[images.labels[row]]
    return None if class_name == line["class"] else f"labelled {class_name}, was {line['class']}"


def _check_classes(known: Sequence[str], received: Sequence[str]) -> None:
    unknown = [name for name in received if name not in known]
    if unknown:
        missing = [name for name in known if name not in received]
        meant = {meant_name(name): f" Did you mean {name!r}?" for name in missing}  # 1 for 1.0, as texts not close
        guesses = [meant.get(meant_name(name)) or did_you_mean(name, missing) for name in unknown]
        lines = [f"  + {name}: not a class of the run.{guess}" for name, guess in zip(unknown, guesses, strict=True)]
        lines += [f"  - {name}: a class of the run, not in the data" for name in missing]
        raise DataError(
            f"expected classes of the run ({', '.join(known)}), received others:\n" + "\n".join(lines),
            hint="rename the folders or labels; classes are matched by name",
        )


def _left_out(images: LabelledImages, result: Scan) -> list[str]:
    faults = [(item.name, item.reason) for item in images.left_out if item.is_fault]
    faults += [(images.names[row], reason) for row, reason in sorted(result.scanned.reasons.items())]
    more = ", …" if len(faults) > _SHOWN else ""
    shown = ", ".join(f"{name} ({reason})" for name, reason in faults[:_SHOWN])
    return [f"{len(faults)} files could not be read: {shown}{more}"] if faults else []


def _missing(class_names: Sequence[str], labels: np.ndarray) -> list[str]:
    missing = [name for label, name in enumerate(class_names) if label not in labels]
    return [f"no images of {', '.join(missing)}: accuracy tells nothing of them"] if missing else []


def _seen(trained: TrainedRun, result: Scan, rows: np.ndarray) -> list[str]:
    """Return a warning if the run has seen some of the images before."""
    manifest = read_lines(trained.directory.manifest)
    seen = {line["sha256"] for line in manifest if line.get("split") in ("train", "validation")}
    number = sum(result.scanned.sha256[row].tobytes().hex() in seen for row in rows)
    return [f"{number:,} of these images the run has seen in training, so the figures are too good"] if number else []
