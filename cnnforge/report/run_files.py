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
        measures: What there is to measure, by name.
    """

    directory: Path
    recipe_text: str
    run: dict[str, Any]
    epochs: list[dict[str, Any]]
    evaluation: dict[str, Any]
    examples: dict[str, Any]
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
    recipe = directory / "recipe.toml"
    return RunFiles(
        directory=directory,
        recipe_text=recipe.read_text(encoding="utf-8") if recipe.is_file() else "",
        run=files.read_json(directory / "run.json"),
        epochs=[line for line in files.read_lines(directory / "metrics.jsonl") if "epoch" in line],
        evaluation=_read_if_there(directory / "evaluation.json"),
        examples=_read_if_there(directory / "examples.json"),
        measures=measure_specs(registry),
    )


def _read_if_there(path: Path) -> dict[str, Any]:
    return files.read_json(path) if path.is_file() else {}
