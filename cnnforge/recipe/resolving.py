"""From a recipe to everything it names, every mistake reported before Keras is imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnnforge.errors import RecipeError
from cnnforge.host import ArchitectureSpec, DataSourceSpec, Entry, Options, Registry, SearchSpace
from cnnforge.recipe import keras_names as keras_index
from cnnforge.recipe.schema import Component, DataSection, Recipe, TrainingSection
from cnnforge.recipe.spaces import WHOLE_ARCHITECTURE, wanted_spaces
from cnnforge.recipe.validation import validate
from cnnforge.system import expanded


@dataclass(frozen=True, slots=True)
class ResolvedRecipe:
    """A recipe with every default written out, and the plugins it uses."""

    recipe: Recipe
    architecture: Entry[ArchitectureSpec]
    architecture_options: Options
    data_source: Entry[DataSourceSpec]
    data_options: Options

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the images the network sees."""
        height, width = self.recipe.data.image_size or self.architecture.spec.input_shape[:2]
        return (height, width, 1 if self.recipe.data.color_mode == "grayscale" else 3)


def resolve(recipe: Recipe, registry: Registry) -> ResolvedRecipe:
    """Return the recipe with its plugins found and their options checked.

    Raises:
        RecipeError: An option, a Keras name or an argument is wrong.
        UnknownNameError: No plugin brings the architecture or data source.
        NameConflictError: Two plugins bring it.
    """
    architecture = registry.architectures.get(recipe.architecture.name)
    source = registry.data_sources.get(recipe.data.source)
    architecture_options = _absolute(
        validate(architecture.spec.options, recipe.architecture.model_extra or {}, "architecture")
    )
    data_options = _absolute(
        validate(source.spec.options, recipe.data.model_extra or {}, "data", known=DataSection.model_fields)
    )
    complete = _complete(recipe, architecture.spec, architecture_options, data_options)
    _check_components(complete.training)
    _check_fine_tuning(complete.training, architecture.spec)
    resolved = ResolvedRecipe(complete, architecture, architecture_options, source, data_options)
    _check_ranges(resolved)
    return resolved


def search_spaces(resolved: ResolvedRecipe) -> dict[str, SearchSpace]:
    """Return the search space of every setting that ``[tuning] search`` names, by its dotted key.

    Raises:
        RecipeError: A key names nothing that has a search space, or a range of ``[tuning.space]`` is none.
    """
    if WHOLE_ARCHITECTURE in resolved.recipe.tuning.search:
        _check_whole(resolved)
    return wanted_spaces(resolved.recipe.tuning, resolved.architecture.spec.options)


def _check_whole(resolved: ResolvedRecipe) -> None:
    """Check that the architecture brings a search space of its own, and that no option is searched beside it."""
    spec, search = resolved.architecture.spec, resolved.recipe.tuning.search
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
    tuning = resolved.recipe.tuning
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
                    _check_components(validate(TrainingSection, values, section))
            except RecipeError as error:
                raise RecipeError(f"tuning.space.{key}: {error}") from None


def _complete(recipe: Recipe, spec: ArchitectureSpec, options: Options, data_options: Options) -> Recipe:
    """Return the recipe with the options' and the architecture's defaults written into it."""
    height, width = recipe.data.image_size or spec.input_shape[:2]
    data = recipe.data.model_copy(update={"image_size": (height, width), **_dump(data_options)})
    architecture = recipe.architecture.model_copy(update=_dump(options))
    return recipe.model_copy(update={"data": data, "architecture": architecture})


def _dump(options: Options) -> Mapping[str, Any]:
    return options.model_dump(mode="json", exclude_none=True)


def _absolute(options: Options) -> Options:
    """Return the options with every path absolute, so that a recorded recipe works from any folder."""
    paths = {name: value for name in type(options).model_fields if isinstance(value := getattr(options, name), Path)}
    return options.model_copy(update={name: expanded(path).absolute() for name, path in paths.items()})


def _check_fine_tuning(training: TrainingSection, spec: ArchitectureSpec) -> None:
    if training.fine_tuning is not None and spec.backbone is None:
        raise RecipeError(
            f"training.fine_tuning: expected an architecture with a backbone, received architecture.name={spec.name},"
            " all of which learns from the start",
            hint="leave fine_tuning out, or choose a pretrained architecture: cnnforge list",
        )


def _check_components(training: TrainingSection) -> None:
    checks: list[tuple[str, str, Component | None]] = [
        ("training.optimizer", "optimizers", training.optimizer),
        ("training.schedule", "schedules", training.schedule),
        ("training.loss", "losses", training.loss),
        *((f"training.metrics[{i}]", "metrics", metric) for i, metric in enumerate(training.metrics)),
        *((f"training.callbacks[{i}]", "callbacks", callback) for i, callback in enumerate(training.callbacks)),
    ]
    for key, kind, component in checks:
        if component is not None:
            keras_index.check(key, kind, component.name, component.arguments)
