"""The hyperparameters of a recipe: one for each setting to search, or for each element of a list to search."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cnnforge import recipe
from cnnforge.recipe import Recipe
from cnnforge.resolve import ResolvedRecipe, search_spaces
from cnnforge.tune import EachInt, SearchSpace

_ELEMENT = re.compile(r"(.+)\[(\d+)\]")

Values = Mapping[str, Any]
"""The values of a trial: hyperparameter's name (``"architecture.filters[0]"``) to value."""


@dataclass(frozen=True, slots=True)
class Hyperparameter:
    """One number or choice that a trial draws; ``default`` is what the recipe says, inside the space or not."""

    name: str
    space: SearchSpace
    default: Any

    @property
    def label(self) -> str:
        """The name without its section: ``filters[0]``."""
        return self.name.partition(".")[2]


def hyperparameters(resolved: ResolvedRecipe) -> list[Hyperparameter]:
    """Return the hyperparameters of a recipe, in the order of ``tuning.search``."""
    values = resolved.recipe.model_dump(mode="json")
    found = []
    for key, space in search_spaces(resolved).items():
        section, _, name = key.partition(".")
        default = values[section].get(name)
        if isinstance(space, EachInt):
            found += [Hyperparameter(f"{key}[{i}]", space.item, element) for i, element in enumerate(default)]
        else:
            found.append(Hyperparameter(key, space, default))
    return found


def num_configurations(space: Sequence[Hyperparameter]) -> int | None:
    """Return how many different configurations there are; None for a continuum."""
    numbers = [hyperparameter.space.num_values() for hyperparameter in space]
    return None if None in numbers else math.prod(n for n in numbers if n is not None)


def describe_size(space: Sequence[Hyperparameter]) -> str:
    """Return the number of configurations in words."""
    steps = [h for h in space if h.space.num_values() is not None]
    number = f"{num_configurations(steps):,} configurations"
    return number if len(steps) == len(space) else f"{number} times a continuum"


def defaults(space: Sequence[Hyperparameter]) -> dict[str, Any]:
    """Return the values that the recipe itself has."""
    return {hyperparameter.name: hyperparameter.default for hyperparameter in space}


def is_inside(space: Sequence[Hyperparameter], values: Values) -> bool:
    """Return whether values lie in the space."""
    return values.keys() == {h.name for h in space} and all(h.space.contains(values[h.name]) for h in space)


def corners(space: Sequence[Hyperparameter]) -> Iterator[dict[str, Any]]:
    """Yield the recipe's own values, all smallest, all largest, then each extreme value alone."""
    yield defaults(space)
    yield {h.name: h.space.corners()[0] for h in space}
    yield {h.name: h.space.corners()[-1] for h in space}
    for hyperparameter in space:
        for extreme in hyperparameter.space.corners():
            yield {**defaults(space), hyperparameter.name: extreme}


def settings(values: Values) -> dict[str, Any]:
    """Return settings of a recipe by dotted key, the elements of a list put together."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        element = _ELEMENT.fullmatch(name)
        if element:
            found.setdefault(element[1], []).append(value)
        else:
            found[name] = value
    return found


def recipe_of(base: Recipe, values: Values) -> Recipe:
    """Return the recipe of a trial."""
    return recipe.changed(base, settings(values))


def describe(values: Values) -> str:
    """Return values in a line: ``filters 16 32 64, learning_rate 0.001``."""
    return ", ".join(f"{key.partition('.')[2]} {_text(value)}" for key, value in settings(values).items())


def _text(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(_text, value))
    return f"{value:.3g}" if isinstance(value, float) else str(value)
