"""The run directory: the name of every file in it, and what is known of the run before it starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnnforge.evaluation import EvaluationDir
from cnnforge.recipe import ResolvedRecipe
from cnnforge.system import files


@dataclass(frozen=True, slots=True)
class RunDir(EvaluationDir):
    """A run directory and the paths in it; the evaluation that ended the run lies in the folder itself."""

    @property
    def recipe(self) -> Path:
        """The complete recipe, TOML."""
        return self.path / "recipe.toml"

    @property
    def run_json(self) -> Path:
        """Provenance and outcome, JSON."""
        return self.path / "run.json"

    @property
    def manifest(self) -> Path:
        """Every image seen, one JSON object a line."""
        return self.path / "manifest.jsonl"

    @property
    def metrics(self) -> Path:
        """Metrics of each epoch, one JSON object a line."""
        return self.path / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        """Folder of the best weights and of what a resumed run goes on from."""
        return self.path / "checkpoints"

    @property
    def best_weights(self) -> Path:
        """Weights of the best epoch, as ``run.json`` names them; no such file while there are none."""
        weights = self.read_run().get("weights") if self.run_json.is_file() else None
        return self.checkpoints / Path(str(weights.get("file", "best")) if isinstance(weights, dict) else "best").name

    @property
    def model(self) -> Path:
        """The trained model with the best weights, Keras format."""
        return self.path / "model.keras"

    @property
    def evaluations(self) -> Path:
        """Folder of later evaluations, a folder each."""
        return self.path / "evaluations"

    @property
    def explanations(self) -> Path:
        """Folder of what ``cnnforge explain`` made, a folder each."""
        return self.path / "explanations"

    @property
    def augmentation(self) -> Path:
        """A sheet of training images as augmentation varies them, if it does."""
        return self.path / "augmentation.jpg"

    @property
    def reproduction(self) -> Path:
        """How this run compares with the one from whose record it was trained, JSON, if there is one."""
        return self.path / "reproduction.json"

    @property
    def report(self) -> Path:
        """The report, one self-contained HTML file."""
        return self.path / "report.html"

    @property
    def model_card(self) -> Path:
        """The model card, Markdown."""
        return self.path / "model_card.md"

    @property
    def exports(self) -> Path:
        """Folder of what ``cnnforge export`` wrote."""
        return self.path / "exports"

    @property
    def log(self) -> Path:
        """What the libraries logged."""
        return self.path / "log.txt"

    @property
    def lock(self) -> Path:
        """Held by the process that writes into the folder; empty."""
        return self.path / "run.lock"

    def read_run(self) -> dict[str, Any]:
        """Return the content of ``run.json``.

        Raises:
            StorageError: It is damaged.
        """
        return files.read_json(self.run_json)

    def update_run(self, **values: Any) -> None:
        """Add facts to ``run.json``."""
        with files.storage_errors(self.run_json):
            files.write_json(self.run_json, {**self.read_run(), **values})


@dataclass(frozen=True, slots=True)
class Run:
    """What hooks are told of a run: the run's folder and its complete recipe.

    ``accept_changes``: whether a resumed run goes on where the data are no longer the same.
    """

    directory: RunDir
    resolved: ResolvedRecipe
    accept_changes: bool = False
