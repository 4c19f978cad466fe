"""The hyperparameters of a recipe: one for each setting to search, or for each element of a list to search.

Where the architecture's own ``search_space`` is searched, its hyperparameters stand among them, each with the
conditions under which it counts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cnnforge.host import ArchitectureSpec, EachInt, Entry, SearchSpace
from cnnforge.recipe import Recipe, ResolvedRecipe, recipe_from_values
from cnnforge_tuning.ranges import WHOLE_ARCHITECTURE, search_spaces
from cnnforge_tuning.settings import tuning_of

if TYPE_CHECKING:
    from cnnforge_tuning.conditional import Drawing

_ELEMENT = re.compile(r"(.+)\[(\d+)\]")

Values = Mapping[str, Any]
"""The values of a trial: hyperparameter's name (``"architecture.filters[0]"``) to value."""


@dataclass(frozen=True, slots=True)
class Condition:
    """That another hyperparameter has one of some values."""

    name: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Hyperparameter:
    """One number or choice that a trial draws.

    ``default`` is what the recipe says, inside the space or not; of one that the architecture's own function draws, it
    is what that function says. ``when`` has the conditions under which it counts; ``drawing`` is the function.
    """

    name: str
    space: SearchSpace
    default: Any
    when: tuple[Condition, ...] = ()
    drawing: Drawing | None = None

    @property
    def label(self) -> str:
        """The name without its section: ``filters[0]``."""
        return self.name.partition(".")[2]

    @property
    def text(self) -> str:
        """The space and the conditions in words."""
        conditions = [f"{c.name.partition('.')[2]} is {' | '.join(map(str, c.values))}" for c in self.when]
        return self.space.describe() + (f"; if {' and '.join(conditions)}" if conditions else "")

    def counts(self, values: Values) -> bool:
        """Return whether the conditions hold."""
        return all(condition.name in values and values[condition.name] in condition.values for condition in self.when)


def hyperparameters(resolved: ResolvedRecipe) -> list[Hyperparameter]:
    """Return the hyperparameters of a recipe; imports Keras Tuner if the architecture draws its own.

    Raises:
        PluginError: The architecture's own search space is faulty.
    """
    values = resolved.recipe.model_dump(mode="json")
    found: list[Hyperparameter] = []
    if WHOLE_ARCHITECTURE in tuning_of(resolved).search:
        from cnnforge_tuning.conditional import conditional_space

        found += conditional_space(resolved)
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
    most = "at most " if any(h.when for h in space) else ""
    number = f"{most}{num_configurations(steps):,} configurations"
    return number if len(steps) == len(space) else f"{number} times a continuum"


def defaults(space: Sequence[Hyperparameter]) -> dict[str, Any]:
    """Return the values that the recipe itself has; what the architecture draws has none, since the recipe does not."""
    return {hyperparameter.name: hyperparameter.default for hyperparameter in space if not hyperparameter.drawing}


def completed(space: Sequence[Hyperparameter], values: Values) -> dict[str, Any]:
    """Return values with defaults for those that are missing and without those that do not count."""
    found: dict[str, Any] = {}
    for hyperparameter in space:
        if hyperparameter.counts(found):
            found[hyperparameter.name] = values.get(hyperparameter.name, hyperparameter.default)
    return found


def is_inside(space: Sequence[Hyperparameter], values: Values) -> bool:
    """Return whether values lie in the space."""
    asked = [h for h in space if h.name in values]
    return values == completed(space, values) and all(h.space.contains(values[h.name]) for h in asked)


def corners(space: Sequence[Hyperparameter]) -> Iterator[dict[str, Any]]:
    """Yield the recipe's own values, all smallest, all largest, then each extreme value alone."""
    yield defaults(space)
    for end in (0, -1):
        yield completed(space, {h.name: h.space.corners()[end] for h in space})
    for hyperparameter in space:
        conditions = {condition.name: condition.values[-1] for condition in hyperparameter.when}
        for extreme in hyperparameter.space.corners():
            yield completed(space, {**conditions, hyperparameter.name: extreme})


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


def recipe_of(base: Recipe, space: Sequence[Hyperparameter], values: Values) -> Recipe:
    """Return the recipe of a trial."""
    drawing = next((h.drawing for h in space if h.drawing), None)
    drawn = {h.name: values[h.name] for h in space if h.drawing and h.name in values}
    found = settings({name: value for name, value in values.items() if name not in drawn})
    if drawing and drawn:
        found |= {f"architecture.{name}": value for name, value in drawing.options(drawn).items()}
    changed = base.model_dump(mode="json", exclude_none=True)
    for key, value in found.items():
        section, _, name = key.partition(".")
        changed[section][name] = value
    return recipe_from_values(changed, base.name, base.name)


def describe(values: Values) -> str:
    """Return values in a line: ``filters 16 32 64, learning_rate 0.001``."""
    return ", ".join(f"{key.partition('.')[2]} {_text(value)}" for key, value in settings(values).items())


def shown(what: ResolvedRecipe | Entry[ArchitectureSpec]) -> dict[str, Any]:
    """Return what ``cnnforge show`` says: the search spaces of a recipe, or what an architecture's own one draws.

    Keras Tuner is imported only if the architecture has one.
    """
    if isinstance(what, ResolvedRecipe):
        found = hyperparameters(what)
        spaces = {h.name: h.text for h in found if h.drawing}
        spaces |= {key: space.describe() for key, space in search_spaces(what).items()}
        return {"search": spaces, "search_size": describe_size(found)} if spaces else {}
    if what.spec.search_space is None:
        return {}
    from cnnforge_tuning.conditional import discover, drawing_of

    return {"search_space": {h.name: h.text for h in discover(drawing_of(what))}}


def _text(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(_text, value))
    return f"{value:.3g}" if isinstance(value, float) else str(value)
