"""A run that has been trained, ready to be used: its network with the best weights, its classes, its decoding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras

from cnnforge.data import DecodeSettings
from cnnforge.errors import RecipeError, StorageError
from cnnforge.host import Registry
from cnnforge.network import Predictor, trained_model
from cnnforge.recipe import ResolvedRecipe, load_recipe, resolve
from cnnforge.runs.run_dir import RunDir


@dataclass(frozen=True, slots=True)
class TrainedRun:
    """What a run directory holds for those who use its network.

    ``class_names`` are in the order of the network's outputs; ``model`` has the weights of the best epoch, computes
    in float32 and is not compiled.
    """

    directory: RunDir
    resolved: ResolvedRecipe
    class_names: tuple[str, ...]
    model: keras.Model

    @property
    def decoding(self) -> DecodeSettings:
        """How images become what the network was trained on."""
        return DecodeSettings.of(self.resolved.recipe.data, self.resolved.input_shape)

    def predictor(self) -> Predictor:
        """Return what gives the probabilities of images."""
        return Predictor(self.model)


def load_trained_run(directory: RunDir, registry: Registry) -> TrainedRun:
    """Return a trained run: the network built by its plugin from the run's own recipe, then given its best weights.

    Nothing in the run directory is executed: the recipe is checked text, the weights are numbers.

    Raises:
        RecipeError: The run has no trained weights (yet).
        UnknownNameError: The plugin that built the network is not installed.
        StorageError: The weights are those of another network, or a file is damaged.
        UnsafeFileError: The weights are not those that the run wrote.
    """
    facts = directory.read_run()
    if not directory.best_weights.is_file():
        raise RecipeError(
            f"expected a run with trained weights, received {directory.path}, which has none",
            hint="`cnnforge run` writes them after the first epoch",
        )
    resolved = resolve(load_recipe(str(directory.recipe), registry), registry)
    class_names = _class_names(directory, facts)
    sha256 = str(facts["weights"].get("sha256"))
    model = trained_model(resolved, len(class_names), directory.best_weights, sha256)
    return TrainedRun(directory, resolved, class_names, model)


def _class_names(directory: RunDir, facts: dict[str, Any]) -> tuple[str, ...]:
    data = facts.get("data")
    names = data.get("class_names") if isinstance(data, dict) else None
    if not isinstance(names, list) or len(names) < 2 or len({str(name) for name in names}) < len(names):
        raise StorageError(
            f"expected {directory.run_json} to name the classes of the network, received class_names={names!r:.80}",
            hint="take it from a copy of the run, or train again",
        )
    return tuple(map(str, names))
