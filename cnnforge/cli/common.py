"""What the commands share: the registry, and JSON on standard output."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cnnforge.host import Entry, PluginHost, Registry
from cnnforge.system import expanded, one_line

if TYPE_CHECKING:
    from cnnforge.recipe import ResolvedRecipe
    from cnnforge.running import TrainedRun

HEAVY = ("tensorflow", "keras", "jax", "torch", "numpy", "keras_tuner", "matplotlib", "PIL", "cv2", "scipy", "pandas")
"""What every command would wait for, were it imported with the command line or with a plugin's entry module."""


@functools.cache
def registry() -> Registry:
    """Return the registry of everything installed; a broken plugin costs one line on standard error.

    Raises:
        PluginError: A plugin is broken and ``CNNFORGE_STRICT_PLUGINS`` is set.
    """
    everything = Registry(PluginHost.discover())
    everything.catalogues()  # asks every hook, so that what is broken is known before anything is shown
    for info in everything.host.broken():
        typer.echo(
            f"warning: plugin {info.id} is broken: {one_line(str(info.error))} (see `cnnforge plugins show {info.id}`)",
            err=True,
        )
    return everything


def entries() -> Iterator[Entry[Any]]:
    """Yield every entry of every kind."""
    for catalogue in registry().catalogues().values():
        yield from catalogue.all()


def describe_entry(entry: Entry[Any]) -> dict[str, Any]:
    """Return what identifies an entry, for JSON."""
    spec = entry.spec
    return {"kind": kind_of(entry), "name": spec.name, "summary": spec.headline, "plugin": entry.plugin}


def kind_of(entry: Entry[Any]) -> str:
    """Return the kind of an entry as the command line writes it, such as ``data-source``."""
    kind: str = entry.spec.kind
    return kind.replace(" ", "-")


def resolve_recipe(
    reference: str,
    *,
    data: Path | None = None,
    architecture: str | None = None,
    settings: Sequence[str] = (),
    strict_data: bool = False,
) -> ResolvedRecipe:
    """Return a recipe by its name or file, changed as the command line says, complete and checked.

    Args:
        reference: The recipe.
        data: ``--data``, the option ``path`` of the data source.
        architecture: ``--architecture``; the options of the recipe's own architecture are dropped with it.
        settings: ``--set``, stronger than the rest.
        strict_data: ``--strict-data``.
    """
    from cnnforge.recipe import load_recipe, plugin_files, resolve  # not needed for a list, and not free

    for path in plugin_files(reference):
        registry().add_file(path)
    overrides = [f"data.path={json.dumps(str(expanded(data).absolute()))}"] if data is not None else []
    overrides += ["data.strict=true"] if strict_data else []
    loaded = load_recipe(reference, registry(), [*overrides, *settings], architecture=architecture)
    return resolve(loaded, registry())


def load_trained(reference: str) -> TrainedRun:
    """Return the trained run that a path or name stands for; imports Keras, once the run is found.

    Raises:
        RecipeError: There is no such run, or it has no trained weights.
    """
    from cnnforge.running import find_run
    from cnnforge.system import import_keras

    directory = find_run(reference)
    plugins = registry()
    import_keras()
    from cnnforge.running import load_trained_run

    return load_trained_run(directory, plugins)


def echo_json(value: Any) -> None:
    """Print JSON, in ASCII, so that no terminal's encoding can spoil it."""
    typer.echo(json.dumps(value, indent=2))
