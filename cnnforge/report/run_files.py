"""Reading the files of a run directory, whichever of them there are."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnnforge.errors import RecipeError
from cnnforge.evaluation import measure_specs
from cnnforge.host import MeasureSpec, Registry
from cnnforge.system import files

MAX_LEFT_OUT = 50
"""How many left-out files are kept by name; the manifest has them all."""

MAX_GROUPS = 20
"""How many groups of duplicates are kept by name."""

_MAX_NAMES = 6  # of a group

_Groups = dict[int, list[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class RunFiles:
    """What the files of a run say; what is not there is empty.

    Args:
        directory: The run directory.
        recipe_text: ``recipe.toml`` as it stands.
        run: ``run.json``.
        epochs: The lines of ``metrics.jsonl``.
        evaluation: ``evaluation.json``.
        examples: ``examples.json``.
        left_out: Name and reason of the first files that were left out.
        num_left_out: How many there are in all.
        duplicates: The first groups of identical images, each image as its name and split.
        near_duplicates: Those of nearly identical ones that lie in several splits, then the others.
        measures: What there is to measure, by name.
    """

    directory: Path
    recipe_text: str
    run: dict[str, Any]
    epochs: list[dict[str, Any]]
    evaluation: dict[str, Any]
    examples: dict[str, Any]
    left_out: list[tuple[str, str]]
    num_left_out: int
    duplicates: list[list[tuple[str, str]]]
    near_duplicates: list[list[tuple[str, str]]]
    measures: Mapping[str, MeasureSpec]

    @property
    def noun(self) -> str:
        """What the images are called: photographs, unless the data source has something to say about them."""
        return "images" if self.run.get("data", {}).get("notice") else "photographs"

    @property
    def planned_epochs(self) -> int | None:
        """How many epochs the recipe asks for, those of fine-tuning among them."""
        training = tomllib.loads(self.recipe_text).get("training", {})
        planned: int | None = training.get("epochs")
        return planned and planned + training.get("fine_tuning", {}).get("epochs", 0)


def read_run_files(directory: Path, registry: Registry) -> RunFiles:
    """Read a run directory; ``registry`` has the measures.

    Raises:
        RecipeError: The folder holds no run.
        StorageError: A file in it is damaged.
    """
    if not (directory / "run.json").is_file():
        raise RecipeError(
            f"expected a run directory with run.json in it, received {directory}",
            hint="`cnnforge run` prints where it writes",
        )
    left_out: list[tuple[str, str]] = []
    groups: dict[str, _Groups] = {"duplicates": {}, "near_duplicates": {}}
    for line in files.read_lines(directory / "manifest.jsonl"):
        if line.get("left_out"):
            left_out.append((line["name"], line["left_out"]))
        for kind in groups.keys() & line.keys():
            groups[kind].setdefault(line[kind], []).append((line["name"], line.get("split", "")))
    recipe = directory / "recipe.toml"
    return RunFiles(
        directory=directory,
        recipe_text=recipe.read_text(encoding="utf-8") if recipe.is_file() else "",
        run=files.read_json(directory / "run.json"),
        epochs=[line for line in files.read_lines(directory / "metrics.jsonl") if "epoch" in line],
        evaluation=_read_if_there(directory / "evaluation.json"),
        examples=_read_if_there(directory / "examples.json"),
        left_out=left_out[:MAX_LEFT_OUT],
        num_left_out=len(left_out),
        duplicates=_first(groups["duplicates"]),
        near_duplicates=_first(groups["near_duplicates"]),
        measures=measure_specs(registry),
    )


def _read_if_there(path: Path) -> dict[str, Any]:
    return files.read_json(path) if path.is_file() else {}


def _first(groups: _Groups) -> list[list[tuple[str, str]]]:
    """Return groups of images, those across splits first."""
    ordered = sorted(groups.values(), key=lambda group: len({split for _, split in group}) == 1)
    return [group[:_MAX_NAMES] for group in ordered[:MAX_GROUPS]]
