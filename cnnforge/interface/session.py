"""What every call needs first: the registry of this process, a recipe, a trained run, a plugin's function."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnforge.errors import RecipeError
from cnnforge.host import CommandSpec, PluginHost, Registry, import_deferred
from cnnforge.system import expanded, one_line

if TYPE_CHECKING:
    from cnnforge.recipe import ResolvedRecipe, Setting
    from cnnforge.running import RunDir, TrainedRun

Settings = Mapping[str, Any] | Sequence[str | tuple[str, Any]]
"""Settings of a recipe: ``{"training.epochs": 5}``, or ``["training.epochs=5"]`` as on the command line."""


@functools.cache
def registry() -> Registry:
    """Return the registry of everything installed; a broken plugin costs one line on standard error.

    Raises:
        PluginError: A plugin is broken and ``CNNFORGE_STRICT_PLUGINS`` is set.
    """
    everything = Registry(PluginHost.discover())
    everything.catalogues()  # asks every hook, so that what is broken is known before anything is shown
    for info in everything.host.broken():
        why = one_line(str(info.error))
        sys.stderr.write(f"warning: plugin {info.id} is broken: {why} (see `cnnforge plugins show {info.id}`)\n")
    return everything


def add_plugins(files: Iterable[str | Path]) -> None:
    """Take Python files for plugins from now on.

    Raises:
        RecipeError: One of them is no Python file.
    """
    for file in files:
        registry().add_file(Path(file))


def resolve_recipe(
    reference: str | Path,
    *,
    data: str | Path | None = None,
    architecture: Any = None,
    settings: Settings = (),
    strict_data: bool = False,
) -> ResolvedRecipe:
    """Return a recipe by its name or file, changed as the user says, complete and checked.

    Args:
        reference: The recipe.
        data: The option ``path`` of the data source.
        architecture: Another one, by its name or as what an architecture takes (a file, a function, a model); the
            options of the recipe's own are dropped with it.
        settings: Stronger than the rest.
        strict_data: Whether the first unreadable image stops the run.
    """
    from cnnforge.recipe import load_recipe, plugin_files, resolve  # not needed for a list, and not free

    reference = str(reference)
    add_plugins(plugin_files(reference))
    overrides = [f"data.path={json.dumps(str(expanded(data).absolute()))}"] if data is not None else []
    overrides += ["data.strict=true"] if strict_data else []
    loaded = load_recipe(reference, registry(), [*overrides, *changes(settings)], architecture=architecture)
    return resolve(loaded, registry())


def changes(settings: Settings) -> list[Setting]:
    """Return settings one by one."""
    return list(settings.items()) if isinstance(settings, Mapping) else list(settings)


def load_trained(reference: str | RunDir) -> TrainedRun:
    """Return the trained run that a folder, a path or a name stands for; imports Keras, once the run is found.

    Raises:
        RecipeError: There is no such run, or it has no trained weights.
    """
    from cnnforge.running import find_run
    from cnnforge.system import import_keras

    directory = find_run(reference) if isinstance(reference, str) else reference
    plugins = registry()
    import_keras()
    from cnnforge.network import own_keras_state
    from cnnforge.running import load_trained_run

    with own_keras_state():
        return load_trained_run(directory, plugins)


def plugin_function(command: str) -> Callable[..., Any]:
    """Return what does the same from Python as a plugin's command.

    Raises:
        UnknownNameError: No plugin brings the command, or the one that does is switched off.
        RecipeError: The command has no function.
    """
    entry = registry().catalogue(CommandSpec).get(command)
    if entry.spec.function is None:
        raise RecipeError(
            f"expected a command that Python can call too, received {command!r} of plugin {entry.plugin}",
            hint=f"call it on the command line: cnnforge {command}",
        )
    return import_deferred(entry.spec.function, f"command {command!r} of plugin {entry.plugin}")
