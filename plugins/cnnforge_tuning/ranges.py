"""Which settings a recipe searches, and where: the settings' own marks, narrowed or widened by ``[tuning.space]``."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, cast

from pydantic import BaseModel

from cnnforge.errors import RecipeError, did_you_mean
from cnnforge.host import (
    Choice,
    EachInt,
    FloatRange,
    IntRange,
    Options,
    Registry,
    SearchAlgorithmSpec,
    SearchSpace,
    search_space,
)
from cnnforge.recipe import ResolvedRecipe, TrainingSection, check_components, validate
from cnnforge_tuning.settings import Range, TuningOptions, tuning_of

WHOLE_ARCHITECTURE = "architecture"
"""In ``tuning.search``: what the ``search_space`` function of the architecture draws, instead of single options."""


def available_spaces(options: type[Options]) -> dict[str, SearchSpace]:
    """Return every search space of an architecture's options and of the training settings, by dotted key."""
    spaces = {
        f"{section}.{name}": search_space(owner, name)
        for section, owner in _owners(options).items()
        for name in owner.model_fields
    }
    return {key: space for key, space in spaces.items() if space is not None}


def _wanted_spaces(tuning: TuningOptions, options: type[Options]) -> dict[str, SearchSpace]:
    """Return the search space of every setting that ``tuning.search`` names by its dotted key.

    A range in ``tuning.space`` may give a space to a setting that has none of its own.

    Raises:
        RecipeError: A key names no setting, or one without a search space; a range is empty, or of an unsearched key.
    """
    marks = available_spaces(options)
    stated = {f"{section}.{name}": r for section, ranges in tuning.space.items() for name, r in ranges.items()}
    settings = {f"{section}.{name}" for section, owner in _owners(options).items() for name in owner.model_fields}
    wanted = [key for key in tuning.search if key != WHOLE_ARCHITECTURE]
    for key in wanted:
        if key not in marks and (key not in stated or key not in settings):
            raise RecipeError(
                f"tuning.search: {key!r} has no search space.{did_you_mean(key, marks)} Available: {', '.join(marks)}"
            )
    for key in stated:
        if key not in tuning.search:
            raise RecipeError(
                f"tuning.space: {key!r} is not searched.{did_you_mean(key, tuning.search)}",
                hint=f"name it in tuning.search, or on the command line: --search {key}",
            )
    return {key: _stated(key, marks.get(key), stated[key]) if key in stated else marks[key] for key in wanted}


def _owners(options: type[Options]) -> Mapping[str, type[BaseModel]]:
    return {"architecture": options, "training": TrainingSection}


def _stated(key: str, mark: SearchSpace | None, stated: Range) -> SearchSpace:
    """Return the space that a recipe states for a setting with this mark."""
    given = stated.model_dump(exclude_none=True)
    if stated.values is not None:
        if len(given) > 1:
            raise RecipeError(f"tuning.space.{key}: expected values or a range, received both")
        return Choice(tuple(stated.values))
    if isinstance(mark, EachInt):
        return EachInt(cast("IntRange", _range(key, mark.item, given)))
    return _range(key, mark, given)


def _range(key: str, mark: SearchSpace | None, given: dict[str, Any]) -> IntRange | FloatRange:
    if not isinstance(mark, IntRange | FloatRange):
        if not {"low", "high"} <= given.keys():
            raise RecipeError(f"tuning.space.{key}: expected low and high, or values, received {given}")
        is_int = all(isinstance(given.get(name, 1), int) for name in ("low", "high", "step"))
        mark = IntRange(0, 0) if is_int else FloatRange(0, 0)
    found = dataclasses.replace(mark, **given)
    if isinstance(found, IntRange) and not all(isinstance(n, int) for n in (found.low, found.high, found.step)):
        raise RecipeError(f"tuning.space.{key}: expected whole numbers, received {given}")
    if found.low > found.high or (found.log and found.low <= 0):
        raise RecipeError(f"tuning.space.{key}: expected low up to high, above 0 if log, received {found.describe()}")
    return found


def search_spaces(resolved: ResolvedRecipe) -> dict[str, SearchSpace]:
    """Return the search space of every setting that ``[tuning] search`` names, by its dotted key.

    Raises:
        RecipeError: A key names nothing that has a search space, or a range of ``[tuning.space]`` is none.
    """
    if WHOLE_ARCHITECTURE in tuning_of(resolved).search:
        _check_whole(resolved)
    return _wanted_spaces(tuning_of(resolved), resolved.architecture.spec.options)


def _check_whole(resolved: ResolvedRecipe) -> None:
    """Check that the architecture brings a search space of its own, and that no option is searched beside it."""
    spec, search = resolved.architecture.spec, tuning_of(resolved).search
    if spec.search_space is None:
        raise RecipeError(
            f"tuning.search: {WHOLE_ARCHITECTURE!r} stands for the architecture's own search space, and {spec.name!r}"
            " brings none",
            hint=f"name its options instead; `cnnforge show {spec.name}` lists those that have a search space",
        )
    single = [key for key in search if key.startswith(f"{WHOLE_ARCHITECTURE}.")]
    if single:
        raise RecipeError(
            f"tuning.search: expected {WHOLE_ARCHITECTURE!r} or single options, received {', '.join(search)}",
            hint=f"leave out {', '.join(single)}: the architecture's own search space decides on all options",
        )


def _check_ranges(resolved: ResolvedRecipe) -> None:
    """Check that the settings' own bounds admit the ends of the ranges that the recipe states."""
    tuning = tuning_of(resolved)
    stated = {f"{section}.{name}" for section, ranges in tuning.space.items() for name in ranges}
    for key, space in search_spaces(resolved).items():
        for end in space.corners() if key in stated else ():
            section, _, name = key.partition(".")
            try:
                values = resolved.recipe.model_dump(mode="json", exclude_none=True)[section] | {name: end}
                if section == "architecture":
                    del values["name"]
                    validate(resolved.architecture.spec.options, values, section)
                else:
                    check_components(validate(TrainingSection, values, section))
            except RecipeError as error:
                raise RecipeError(f"tuning.space.{key}: {error}") from None


def check(resolved: ResolvedRecipe, registry: Registry) -> None:
    """Check that ``[tuning]`` names settings that can be searched, ranges that they admit, and a search algorithm.

    Raises:
        RecipeError: It does not.
        UnknownNameError: No plugin brings the algorithm.
    """
    registry.catalogue(SearchAlgorithmSpec).get(tuning_of(resolved).algorithm)
    _check_ranges(resolved)
