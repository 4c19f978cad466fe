"""From a recipe to everything it names, every mistake reported before Keras is imported."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cnnforge.errors import RecipeError, did_you_mean
from cnnforge.host import (
    NAME_PATTERN,
    ArchitectureSpec,
    AugmentationSpec,
    DataSourceSpec,
    Entry,
    Options,
    Registry,
    SettingsSpec,
    import_deferred,
)
from cnnforge.recipe import keras_names as keras_index
from cnnforge.recipe.augmentation import AugmentationSection, Component
from cnnforge.recipe.schema import DataSection, Recipe, TrainingSection
from cnnforge.recipe.validation import validate
from cnnforge.system import expanded


@dataclass(frozen=True, slots=True)
class ResolvedRecipe:
    """A recipe with every default written out, and the plugins it uses.

    ``settings`` are the sections that plugins declare, ``augmentations`` those of plugins that are used, both by name.
    """

    recipe: Recipe
    architecture: Entry[ArchitectureSpec]
    architecture_options: Options
    data_source: Entry[DataSourceSpec]
    data_options: Options
    settings: Mapping[str, Options] = field(default_factory=dict)
    augmentations: Mapping[str, Entry[AugmentationSpec]] = field(default_factory=dict)

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
    architecture_options = _validated(architecture.spec.options, recipe.architecture.model_extra, "architecture")
    data_options = _validated(source.spec.options, recipe.data.model_extra, "data", known=DataSection.model_fields)
    settings = _settings(recipe, registry)
    complete = _complete(recipe, architecture.spec, architecture_options, data_options, settings)
    augmentations: dict[str, Entry[AugmentationSpec]] = {}
    complete = complete.model_copy(update={"training": _with_extras(complete.training, registry, augmentations)})
    check_components(complete.training)
    _check_fine_tuning(complete.training, architecture.spec)
    resolved = ResolvedRecipe(
        complete, architecture, architecture_options, source, data_options, settings, augmentations
    )
    for name in settings:
        declared = registry.catalogue(SettingsSpec).get(name)
        if declared.spec.check is not None:
            check = import_deferred(declared.spec.check, f"settings {name!r} of plugin {declared.plugin}")
            check(resolved, registry)
    return resolved


def _settings(recipe: Recipe, registry: Registry) -> dict[str, Options]:
    """Return the sections that plugins declare, checked and complete.

    Where plugins are switched off, a section may be one of theirs and is left as it stands.

    Raises:
        RecipeError: A setting is wrong, or no plugin declares a section.
        NameConflictError: Two plugins declare it.
    """
    declared = registry.catalogue(SettingsSpec)
    known = [*Recipe.model_fields, *declared.entries]
    is_complete = not any(info.is_disabled for info in registry.host.plugins.values())
    for name, section in recipe.other_sections.items():
        # It may be that of a plugin that is switched off, unless it looks like a slip of the pen.
        is_slip = bool(difflib.get_close_matches(name, known, n=1, cutoff=0.8))
        is_theirs = isinstance(section, dict) and bool(NAME_PATTERN.fullmatch(name)) and not is_slip
        if name in declared.entries or (is_theirs and not is_complete):
            continue
        raise RecipeError(
            f"recipe {recipe.name}: unknown setting {name}.{did_you_mean(name, known)}"
            f" Known: {', '.join(sorted(known))}",
            hint=f"if a plugin declares [{name}], it is not installed or broken: see `cnnforge plugins`",
        )
    return {
        name: _validated(declared.get(name).spec.options, recipe.other_sections.get(name, {}), name)
        for name in declared.entries
        if name in recipe.other_sections or name not in declared.conflicts()
    }


def _validated(options: type[Options], section: object, name: str, known: Iterable[str] = ()) -> Options:
    """Return the options of a section, every path absolute, so that a recorded recipe works from any folder."""
    if not isinstance(section, dict):
        raise RecipeError(f"expected {name} to be a section of the recipe, received {name}={section!r}")
    values = validate(options, section, name, known)
    paths = {key: value for key in options.model_fields if isinstance(value := getattr(values, key), Path)}
    return values.model_copy(update={key: expanded(path).absolute() for key, path in paths.items()})


def _complete(
    recipe: Recipe,
    spec: ArchitectureSpec,
    options: Options,
    data_options: Options,
    settings: Mapping[str, Options],
) -> Recipe:
    """Return the recipe with the options' and the architecture's defaults written into it."""
    height, width = recipe.data.image_size or spec.input_shape[:2]
    data = recipe.data.model_copy(update={"image_size": (height, width), **_dump(data_options)})
    architecture = recipe.architecture.model_copy(update=_dump(options))
    sections = {name: _dump(section) for name, section in settings.items()}
    return recipe.model_copy(update={"data": data, "architecture": architecture, **sections})


def _with_extras(
    training: TrainingSection, registry: Registry, used: dict[str, Entry[AugmentationSpec]]
) -> TrainingSection:
    """Return ``[training]`` with the options of every further augmentation complete, having noted those of plugins."""

    def complete(section: AugmentationSection, key: str) -> AugmentationSection:
        extra = [_augmentation(item, registry, used, f"{key}.extra[{i}]") for i, item in enumerate(section.extra)]
        return section.model_copy(update={"extra": tuple(extra)})

    changed: dict[str, Any] = {"augmentation": complete(training.augmentation, "training.augmentation")}
    tuned = training.fine_tuning
    if tuned is not None and tuned.augmentation is not None:
        section = complete(tuned.augmentation, "training.fine_tuning.augmentation")
        changed["fine_tuning"] = tuned.model_copy(update={"augmentation": section})
    return training.model_copy(update=changed)


def _augmentation(item: Component, registry: Registry, used: dict[str, Entry[AugmentationSpec]], key: str) -> Component:
    if ":" in item.name:  # a function that its author has not made a plugin; checked when it is imported
        return item
    entry = registry.catalogue(AugmentationSpec).get(item.name)
    used[item.name] = entry
    return Component(name=item.name, **_dump(validate(entry.spec.options, item.arguments, key)))


def _dump(options: Options) -> Mapping[str, Any]:
    return options.model_dump(mode="json", exclude_none=True)


def _check_fine_tuning(training: TrainingSection, spec: ArchitectureSpec) -> None:
    if training.fine_tuning is not None and spec.backbone is None:
        raise RecipeError(
            f"training.fine_tuning: expected an architecture with a backbone, received architecture.name={spec.name},"
            " all of which learns from the start",
            hint="leave fine_tuning out, or choose a pretrained architecture: cnnforge list",
        )


def check_components(training: TrainingSection) -> None:
    """Check that the Keras objects of ``[training]`` exist and take their arguments.

    Raises:
        RecipeError: One does not.
    """
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
