"""What a recipe asks to be searched, checked before anything heavy is imported."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cnnforge.errors import RecipeError
from cnnforge.evaluation import asked_measures
from cnnforge.host import Entry, Registry, SearchAlgorithmSpec, import_deferred
from cnnforge.recipe import Recipe, ResolvedRecipe
from cnnforge_tuning.objective import Objective, measure_of, objective_of
from cnnforge_tuning.settings import TuningOptions, tuning_of
from cnnforge_tuning.space import Hyperparameter, hyperparameters, num_configurations


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be searched, every mistake in it already reported.

    ``num_trials`` is how many trials there are to be, as ``[tuning]`` says or an algorithm with rounds counts them.
    """

    resolved: ResolvedRecipe
    tuning: TuningOptions
    algorithm: Entry[SearchAlgorithmSpec]
    space: list[Hyperparameter]
    objective: Objective
    num_trials: int

    @property
    def recipe(self) -> Recipe:
        """The recipe that the trials vary."""
        return self.resolved.recipe

    @property
    def has_rounds(self) -> bool:
        """Whether the algorithm divides the epochs among rounds, and counts its trials."""
        return self.algorithm.spec.rounds is not None

    def at(self, precision: str) -> Plan:
        """Return the plan with what ``training.precision`` was decided to be."""
        training = self.recipe.training.model_copy(update={"precision": precision})
        recipe = self.recipe.model_copy(update={"training": training})
        return replace(self, resolved=replace(self.resolved, recipe=recipe))


def plan(resolved: ResolvedRecipe, registry: Registry) -> Plan:
    """Return what a recipe asks to be searched; imports nothing heavy.

    Raises:
        RecipeError: It names nothing to search, or what it asks for cannot work.
        UnknownNameError: No plugin brings the search algorithm, or a measure that it asks for.
    """
    asked_measures(resolved.recipe.training, registry)
    tuning, space = tuning_of(resolved), hyperparameters(resolved)
    algorithm = registry.catalogue(SearchAlgorithmSpec).get(tuning.algorithm)
    if not space:
        raise RecipeError(
            "expected settings to search, received tuning.search=[]",
            hint="name some: --search training.learning_rate; `cnnforge show` of the architecture lists what has a"
            " search space",
        )
    num_trials = tuning.trials
    if algorithm.spec.rounds is not None:
        if tuning.pruning != "none":
            raise RecipeError(
                f"{tuning.algorithm} prunes by itself, received tuning.pruning={tuning.pruning}",
                hint="leave it at none, or take another algorithm",
            )
        rounds = import_deferred(algorithm.spec.rounds, owner(algorithm))
        num_trials = rounds(resolved.recipe.training.epochs, num_configurations(space))
    if resolved.recipe.training.fine_tuning and (algorithm.spec.rounds is not None or tuning.pruning != "none"):
        raise RecipeError(
            "expected a search that trains every trial to its end, since fine-tuning follows it, received"
            f" training.fine_tuning with tuning.algorithm={tuning.algorithm} and tuning.pruning={tuning.pruning}",
            hint="search without fine_tuning and add it to best.toml, or search without pruning",
        )
    objective = objective_of(tuning, registry)
    return Plan(_measuring(resolved, tuning, registry), tuning, algorithm, space, objective, num_trials)


def _measuring(resolved: ResolvedRecipe, tuning: TuningOptions, registry: Registry) -> ResolvedRecipe:
    """Return a recipe that measures the objective after each epoch, where Keras has no metric for it."""
    measure, training = measure_of(tuning, registry), resolved.recipe.training
    known = ("accuracy", "loss", *(training.epoch_measures or ()))
    if measure is None or measure.name in known:
        return resolved
    measures = (*(training.epoch_measures or ()), measure.name)
    recipe = resolved.recipe.model_copy(update={"training": training.model_copy(update={"epoch_measures": measures})})
    return replace(resolved, recipe=recipe)


def owner(algorithm: Entry[SearchAlgorithmSpec]) -> str:
    """Return who brings a search algorithm, for messages."""
    return f"search algorithm {algorithm.spec.name!r} of plugin {algorithm.plugin}"
