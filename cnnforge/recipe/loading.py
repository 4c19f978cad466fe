"""From a recipe's name or file, and what the command line changes of it, to a checked recipe."""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cnnforge.errors import RecipeError, UnknownNameError, did_you_mean
from cnnforge.host import Catalogue, Registry, SettingsSpec, import_deferred, read_resource
from cnnforge.recipe.schema import FORMAT_VERSION, Recipe
from cnnforge.recipe.validation import validate
from cnnforge.system import expanded

Setting = str | tuple[str, Any]
"""``"section.key=value"``, the value as TOML, or the key and the value itself."""


def load_recipe(
    reference: str, registry: Registry, overrides: Iterable[Setting] = (), *, architecture: Any = None
) -> Recipe:
    """Return a recipe by its name or file, with overrides applied.

    Args:
        reference: The name of a plugin's recipe, or the path of a TOML file (ends in ``.toml`` or has a slash).
        registry: Where names are looked up.
        overrides: ``"section.key=value"`` each, the value as TOML; what is no TOML is taken as text. Or the key and
            the value. The last part of a key will do where only one setting is called so.
        architecture: Another architecture, by its name or as one takes it (a file, a function, a model); options and
            search keys of the recipe's own are dropped with it.

    Raises:
        RecipeError: The file or an override is wrong.
        UnknownNameError: No such recipe.
    """
    text, default_name = _read(reference, registry)
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # no TOML, a number of thousands of digits, brackets without end
        raise RecipeError(f"recipe {reference}: expected TOML: {error}") from error
    if architecture is not None:
        _replace_architecture(values, *_given_architecture(architecture, registry))
    for override in overrides:
        apply_override(values, override, registry)
    try:
        _add_defaults(values, registry)
    except UnknownNameError as error:
        raise UnknownNameError(str(error), hint=_hint_of_recorded_plugins(reference) or error.hint) from None
    return recipe_from_values(values, default_name, reference)


def plugin_files(reference: str) -> list[Path]:
    """Return the files that a recipe names as plugins; none of the name of a recipe, or of what a run recorded.

    A run directory may be anybody's: what is in it is never imported unless it is asked for with ``--plugin``.
    """
    path = expanded(reference)
    if path.suffix != ".toml" or (path.parent / "run.json").exists() or not path.is_file():
        return []
    try:
        section = tomllib.loads(path.read_text(encoding="utf-8-sig")).get("plugins", {})
        names = section.get("files", []) if isinstance(section, dict) else []
        return [path.parent / expanded(name) for name in names]
    except (OSError, ValueError, RecursionError, TypeError):
        return []  # which reading it as a recipe says better


def recipe_from_values(values: Mapping[str, Any], default_name: str, reference: str) -> Recipe:
    """Return the recipe that a parsed TOML document describes."""
    version = values.get("format", FORMAT_VERSION)
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise RecipeError(
            f"recipe {reference}: expected format at most {FORMAT_VERSION}, received format={version}",
            hint="it was written by a newer cnnforge: upgrade cnnforge",
        )
    try:
        return validate(Recipe, {"name": default_name, **values}, "")
    except RecipeError as error:
        raise RecipeError(f"recipe {reference}: {error}") from None


def apply_override(values: dict[str, Any], override: Setting, registry: Registry | None = None) -> None:
    """Set one ``section.key=value`` in a parsed recipe, in place.

    Args:
        values: The recipe.
        override: The key and its value.
        registry: Where a key without a section is looked up; None takes none.

    Raises:
        RecipeError: It is not of that form, or no setting or several are called so.
    """
    if isinstance(override, str):
        key, equals, text = override.partition("=")
        value = _parse_value(text.strip())
    else:
        (key, value), equals, override = override, "=", f"{override[0]}={override[1]}"
    if registry is not None and equals and "." not in key:
        key = _full_key(key.strip(), values, registry)
    *parents, last = [part.strip() for part in key.split(".")]
    if not equals or not parents or not all([*parents, last]):
        raise RecipeError(f"expected --set section.key=value, received --set {override}")
    table = values
    for part in parents:
        inner = table.setdefault(part, {})
        if isinstance(inner, str):  # optimizer = "rmsprop" grows into { name = "rmsprop", ... }
            inner = table[part] = {"name": inner}
        if not isinstance(inner, dict):
            raise RecipeError(f"expected {part} to be a table, received --set {override}")
        table = inner
    table[last] = value


def _full_key(last: str, values: Mapping[str, Any], registry: Registry) -> str:
    """Return the dotted key of the one setting that is called so, of a plugin's section only if no other is.

    Raises:
        RecipeError: There is none, or there are several.
    """
    core: list[tuple[str, Any]] = [(name, field.annotation) for name, field in Recipe.model_fields.items()]
    named: tuple[tuple[str, str, Catalogue[Any]], ...] = (
        ("architecture", "name", registry.architectures),
        ("data", "source", registry.data_sources),
    )
    for section, key, catalogue in named:
        table = values.get(section)
        entries = catalogue.entries.get(table.get(key, ""), []) if isinstance(table, dict) else []
        core += [(section, entry.spec.options) for entry in entries[:1]]
    declared = registry.catalogue(SettingsSpec).entries
    known: list[str] = []
    for sections in (core, [(name, entries[0].spec.options) for name, entries in declared.items()]):
        keys = [f"{name}.{key}" for name, kind in sections for key in getattr(kind, "model_fields", ())]
        matches = list(dict.fromkeys(key for key in keys if key.partition(".")[2] == last))
        if len(matches) > 1:
            raise RecipeError(f"expected a setting that only one section has, received {last}: {', '.join(matches)}")
        if matches:
            return matches[0]
        known += keys
    close = did_you_mean(last, [key.partition(".")[2] for key in known])
    raise RecipeError(f"unknown setting {last}.{close}", hint="`cnnforge show RECIPE` shows all, as section.key")


def _hint_of_recorded_plugins(reference: str) -> str | None:
    """Return how to take the files that were plugins, if a run directory keeps some; None if it keeps none."""
    kept = sorted((expanded(reference).parent / "plugins").glob("*.py"))
    options = " ".join(shlex.join(["--plugin", str(path)]) for path in kept)
    return f"it came from a file that the run kept; to import that: {options}" if kept else None


def _add_defaults(values: dict[str, Any], registry: Registry) -> None:
    """Add the settings that suit the architecture, where the recipe states none of its own.

    Raises:
        UnknownNameError: No plugin brings the architecture.
    """
    section = values.get("architecture")
    name = section.get("name") if isinstance(section, dict) else None
    if not isinstance(name, str):
        return  # which the check of the recipe says better
    for key, value in registry.architectures.get(name).spec.defaults.items():
        *parents, last = key.split(".")
        table: Any = values
        for part in parents:
            table = table.setdefault(part, {}) if isinstance(table, dict) else None
        if isinstance(table, dict):
            table.setdefault(last, value)


def _given_architecture(given: Any, registry: Registry) -> tuple[str, Mapping[str, Any]]:
    """Return the name of an architecture and the settings that go with what was given.

    Raises:
        RecipeError: No architecture takes it.
    """
    if isinstance(given, str) and given in registry.architectures.entries:
        return given, {}
    for entry in registry.architectures.all():
        if entry.spec.takes is not None:
            owner = f"architecture {entry.spec.name!r} of plugin {entry.plugin}"
            settings = import_deferred(entry.spec.takes, owner)(given)
            if settings is not None:
                return entry.spec.name, settings
    if not isinstance(given, str):
        raise RecipeError(f"expected a function or a keras.Model as the network, received {type(given).__name__}")
    return given, {}


def _replace_architecture(values: dict[str, Any], name: str, settings: Mapping[str, Any]) -> None:
    if values.get("architecture", {}).get("name") == name and not settings:
        return
    values["architecture"] = {"name": name}
    for setting in settings.items():
        apply_override(values, setting)
    tuning = values.get("tuning", {})
    if "search" in tuning:
        tuning["search"] = [key for key in tuning["search"] if str(key).partition(".")[0] != "architecture"]


def _parse_value(text: str) -> Any:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return parsed["value"] if set(parsed) == {"value"} else text


def _read(reference: str, registry: Registry) -> tuple[str, str]:
    """Return the text of a recipe and the name it has if it states none."""
    if reference.endswith(".toml") or "/" in reference or "\\" in reference:
        return _read_file(expanded(reference))
    entry = registry.recipes.get(reference)
    content = read_resource(entry.spec.resource, f"recipe {reference!r} of plugin {entry.plugin}")
    return content.decode("utf-8"), reference


def _read_file(path: Path) -> tuple[str, str]:
    if path.is_dir():
        path = path / "recipe.toml"
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise RecipeError(
            f"expected a recipe file, received {path}: {reason}", hint="`cnnforge list recipes` lists the built-in ones"
        ) from error
    name = "".join(c if c.isalnum() and c.isascii() else "-" for c in path.stem.lower()).strip("-")
    return text, name if name[:1].isalpha() else f"recipe-{name}".rstrip("-")
