"""Reading the files of a run directory, whichever of them there are."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnnforge.errors import RecipeError
from cnnforge.run_dir import RunDir

MAX_LEFT_OUT = 50
"""How many left-out files are kept by name; the manifest has them all."""


@dataclass(frozen=True, slots=True)
class RunFiles:
    """What the files of a run say; what is not there is empty.

    Args:
        directory: The run directory.
        recipe_text: ``recipe.toml`` as it stands.
        run: ``run.json``.
        epochs: The lines of ``metrics.jsonl``.
        evaluation: ``evaluation.json``.
        left_out: Name and reason of the first files that were left out.
        num_left_out: How many there are in all.
    """

    directory: RunDir
    recipe_text: str
    run: dict[str, Any]
    epochs: list[dict[str, Any]]
    evaluation: dict[str, Any]
    left_out: list[tuple[str, str]]
    num_left_out: int

    @property
    def planned_epochs(self) -> int | None:
        """How many epochs the recipe asks for."""
        planned: int | None = tomllib.loads(self.recipe_text).get("training", {}).get("epochs")
        return planned


def read(run_dir: RunDir) -> RunFiles:
    """Read a run directory.

    Raises:
        RecipeError: The folder holds no run.
    """
    if not run_dir.run.is_file():
        raise RecipeError(
            f"expected a run directory with {run_dir.run.name} in it, received {run_dir.path}",
            hint="`cnnforge run` prints where it writes",
        )
    left_out = [(line["name"], line["left_out"]) for line in read_lines(run_dir.manifest) if line.get("left_out")]
    return RunFiles(
        directory=run_dir,
        recipe_text=run_dir.recipe.read_text(encoding="utf-8") if run_dir.recipe.is_file() else "",
        run=run_dir.read_run(),
        epochs=[line for line in read_lines(run_dir.metrics) if "epoch" in line],
        evaluation=json.loads(run_dir.evaluation.read_text(encoding="utf-8")) if run_dir.evaluation.is_file() else {},
        left_out=left_out[:MAX_LEFT_OUT],
        num_left_out=len(left_out),
    )


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a file that has one on each line; empty if there is no file."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8") as lines:
        return [value for line in lines if (value := _parse(line))]


def _parse(line: str) -> dict[str, Any]:
    """Return the object on a line; a run that was killed may leave half a last line, which says nothing."""
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
