"""A folder with an evaluation in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnnforge.system import files


@dataclass(frozen=True, slots=True)
class EvaluationDir:
    """A folder with an evaluation in it, and the paths of its files."""

    path: Path

    @property
    def evaluation(self) -> Path:
        """Measures on the evaluated images, JSON."""
        return self.path / "evaluation.json"

    @property
    def predictions(self) -> Path:
        """Prediction for each evaluated image, CSV."""
        return self.path / "predictions.csv"

    @property
    def mistakes(self) -> Path:
        """Folder of the photographs that were most confidently wrong."""
        return self.path / "mistakes"

    @property
    def examples(self) -> Path:
        """The most doubtful photographs, Grad-CAM pictures and suspected label errors, JSON."""
        return self.path / "examples.json"

    @property
    def examples_dir(self) -> Path:
        """Folder of the pictures that ``examples.json`` names."""
        return self.path / "examples"

    def read_evaluation(self) -> dict[str, Any]:
        """Return the content of ``evaluation.json``."""
        return files.read_json(self.evaluation)
