"""What a recipe asks to be searched, checked before anything heavy is imported."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cnnforge.errors import RecipeError
from cnnforge.recipe import Recipe, ResolvedRecipe
from cnnforge_tuning.objective import Objective, objective_of
from cnnforge_tuning.settings import tuning_of
from cnnforge_tuning.space import Hyperparameter, hyperparameters, num_configurations

_FACTOR = 3  # by which Keras Tuner's Hyperband reduces


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be searched, every mistake in it already reported."""

    resolved: ResolvedRecipe
    space: list[Hyperparameter]
    objective: Objective

    @property
    def recipe(self) -> Recipe:
        """The recipe that the trials vary."""
        return self.resolved.recipe


def plan(resolved: ResolvedRecipe) -> Plan:
    """Return what a recipe asks to be searched; imports nothing heavy.

    Raises:
        RecipeError: It names nothing to search, or what it asks for cannot work.
    """
    tuning, space = tuning_of(resolved.recipe), hyperparameters(resolved)
    if not space:
        raise RecipeError(
            "expected settings to search, received tuning.search=[]",
            hint="name some: --search training.learning_rate; `cnnforge show` of the architecture lists what has a"
            " search space",
        )
    if tuning.algorithm == "hyperband":
        _check_hyperband(resolved.recipe, num_configurations(space))
    if resolved.recipe.training.fine_tuning and (tuning.algorithm == "hyperband" or tuning.pruning != "none"):
        raise RecipeError(
            "expected a search that trains every trial to its end, since fine-tuning follows it, received"
            f" training.fine_tuning with tuning.algorithm={tuning.algorithm} and tuning.pruning={tuning.pruning}",
            hint="search without fine_tuning and add it to best.toml, or search without pruning",
        )
    return Plan(resolved, space, objective_of(tuning))


def num_trials(recipe: Recipe) -> int:
    """Return how many trials a search makes; Hyperband's follow from ``training.epochs``."""
    if tuning_of(recipe).algorithm != "hyperband":
        return tuning_of(recipe).trials
    brackets = range(_num_brackets(recipe.training.epochs))
    return sum(_size(recipe.training.epochs, b, done) for b in brackets for done in range(b + 1))


def _check_hyperband(recipe: Recipe, num_distinct: int | None) -> None:
    if tuning_of(recipe).pruning != "none":
        raise RecipeError(
            f"hyperband prunes by itself, received tuning.pruning={tuning_of(recipe).pruning}",
            hint="leave it at none, or take another algorithm",
        )
    epochs = recipe.training.epochs
    needed = sum(_size(epochs, bracket, 0) for bracket in range(_num_brackets(epochs)))
    if num_distinct is not None and num_distinct < needed:
        raise RecipeError(
            f"expected at least {needed} configurations for hyperband with training.epochs={recipe.training.epochs},"
            f" received a space of {num_distinct}",
            hint="widen the space, train for fewer epochs, or take --algorithm grid",
        )


def _num_brackets(max_epochs: int) -> int:
    return int(math.log(max_epochs, _FACTOR) + 1e-9) + 1


def _size(max_epochs: int, bracket: int, round_number: int) -> int:
    """Return how many trials Keras Tuner's Hyperband makes in a round of a bracket."""
    end_size = math.ceil(1 + math.log(max_epochs, _FACTOR))
    return math.ceil(end_size / (bracket + 1) * math.pow(_FACTOR, bracket - round_number))
