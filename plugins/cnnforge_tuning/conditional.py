"""Conditional search spaces: an architecture's own ``search_space`` function, and what it asks for when.

The function draws from Keras Tuner's ``HyperParameters`` and returns options. Which hyperparameters there are, and with
which values of others each is asked for, is found by calling it with every value of every hyperparameter in turn, so
ordinary loops and conditions do, besides Keras Tuner's ``conditional_scope``.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cnnforge.errors import CnnforgeError, PluginError
from cnnforge.host import ArchitectureSpec, Choice, Entry, FloatRange, IntRange, Options, SearchSpace, import_deferred
from cnnforge.recipe import ResolvedRecipe, validate
from cnnforge_tuning.space import Condition, Hyperparameter, completed

SECTION = "architecture"
_MOST_VALUES = 64  # of a hyperparameter that others may depend on
_DRAWS = 100  # that are tried before anything is trained


@dataclass(frozen=True, slots=True)
class Drawing:
    """The ``search_space`` function of an architecture."""

    owner: str
    function: Callable[[Any], Mapping[str, Any]]

    def options(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options for values of hyperparameters, each by its dotted name."""
        return self.ask({name.removeprefix(f"{SECTION}."): value for name, value in values.items()})[1]

    def ask(self, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return Keras Tuner's hyperparameters that are asked for at these values, by name, and the options.

        Raises:
            PluginError: The function fails, or returns no options.
        """
        from cnnforge_tuning.oracle import import_keras_tuner

        hp = import_keras_tuner().HyperParameters()
        hp.values = dict(values)
        try:
            options = dict(self.function(hp))
        except Exception as error:
            raise PluginError(
                f"{self.owner}: search_space fails at {values or 'its defaults'}: {type(error).__name__}: {error}",
                hint="it takes Keras Tuner's HyperParameters and returns a mapping of options",
            ) from error
        asked = {item.name: item for item in hp.space if hp.is_active(item) and type(item).__name__ != "Fixed"}
        return asked, options


def drawing_of(entry: Entry[ArchitectureSpec]) -> Drawing:
    """Return the function that an architecture's spec names."""
    owner = f"architecture {entry.spec.name!r} of plugin {entry.plugin}"
    return Drawing(owner, import_deferred(str(entry.spec.search_space), owner))


def conditional_space(resolved: ResolvedRecipe) -> list[Hyperparameter]:
    """Return the hyperparameters of an architecture's own search space.

    Raises:
        PluginError: The function fails, or draws options that the architecture refuses.
    """
    drawing = drawing_of(resolved.architecture)
    space = discover(drawing)
    check(drawing, space, resolved.architecture.spec.options)
    return space


def discover(drawing: Drawing) -> list[Hyperparameter]:
    """Return every hyperparameter that a function asks for, with the conditions under which it does."""
    found: dict[str, Hyperparameter] = {}
    contexts: deque[dict[str, Any]] = deque([{}])
    while contexts:
        values = contexts.popleft()
        asked = drawing.ask(values)[0]
        for name, item in asked.items():
            if name in found:
                continue
            space = _search_space(drawing, item)
            earlier = {n: found[n].space for n in asked if n in found}
            when = tuple(c for n, s in earlier.items() if (c := _condition(drawing, values, name, n, s)))
            found[name] = Hyperparameter(f"{SECTION}.{name}", space, item.default, when, drawing)
            contexts.extend({**values, name: value} for value in _values(space) or space.corners())
    return list(found.values())


def check(drawing: Drawing, space: Sequence[Hyperparameter], options: type[Options]) -> None:
    """Draw some configurations, the same every time, and check what the function makes of them.

    Raises:
        PluginError: The architecture refuses the options, or the conditions are not what they seemed to be.
    """
    for values in draws(space, _DRAWS):
        asked, drawn = drawing.ask({name.removeprefix(f"{SECTION}."): value for name, value in values.items()})
        try:
            validate(options, drawn, SECTION)
        except CnnforgeError as error:
            raise PluginError(f"{drawing.owner}: search_space returns at {values} what is refused: {error}") from None
        if {f"{SECTION}.{name}" for name in asked} != values.keys():
            unlike = sorted({f"{SECTION}.{name}" for name in asked} ^ values.keys())
            raise PluginError(
                f"{drawing.owner}: search_space asks for {', '.join(unlike)} at some values of several others together,"
                f" such as {values}",
                hint="let each hyperparameter depend on values of others one by one, or ask for it always",
            )


def draws(space: Sequence[Hyperparameter], number: int) -> list[dict[str, Any]]:
    """Return random values of a space, the same every time; of a long range its ends."""
    generator, values = random.Random(0), {h.name: _values(h.space) or h.space.corners() for h in space}
    return [completed(space, {name: generator.choice(v) for name, v in values.items()}) for _ in range(number)]


def _condition(
    drawing: Drawing, values: Mapping[str, Any], name: str, parent: str, space: SearchSpace
) -> Condition | None:
    """Return with which values of a parent a hyperparameter is asked for; None if with all."""
    every = _values(space)
    asking = tuple(value for value in every if name in drawing.ask({**values, parent: value})[0])
    return Condition(f"{SECTION}.{parent}", asking) if len(asking) < len(every) else None


def _values(space: SearchSpace) -> tuple[Any, ...]:
    """Return the values of a space that has few; of another none."""
    number = space.num_values()
    if number is None or number > _MOST_VALUES or isinstance(space, FloatRange):
        return ()
    if isinstance(space, IntRange):
        return tuple(range(space.low, space.high + 1, 1 if space.log else space.step))
    return space.corners()


def _search_space(drawing: Drawing, item: Any) -> SearchSpace:
    """Return a hyperparameter of Keras Tuner's as a mark."""
    kind = type(item).__name__
    if kind in ("Choice", "Boolean"):
        return Choice(tuple(item.values))
    if item.sampling == "reverse_log":
        raise PluginError(f"{drawing.owner}: expected sampling 'linear' or 'log', received {item!r}")
    is_log = item.sampling == "log"
    if is_log and item.step is not None:  # which multiplies
        return Choice(tuple(item.values))
    if kind == "Int":
        step = item.step or 1
        return IntRange(item.min_value, item.max_value - (item.max_value - item.min_value) % step, step, is_log)
    return FloatRange(item.min_value, item.max_value, item.step, is_log)
