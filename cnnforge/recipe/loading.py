"""From a recipe's name or file, and what the command line changes of it, to a checked recipe."""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cnnforge.errors import RecipeError, UnknownNameError
from cnnforge.host import Registry, read_resource
from cnnforge.recipe.schema import FORMAT_VERSION, Recipe
from cnnforge.recipe.validation import validate
from cnnforge.system import expanded


def load_recipe(
    reference: str, registry: Registry, overrides: Iterable[str] = (), *, architecture: str | None = None
) -> Recipe:
    """Return a recipe by its name or file, with overrides applied.

    Args:
        reference: The name of a plugin's recipe, or the path of a TOML file (ends in ``.toml`` or has a slash).
        registry: Where names are looked up.
        overrides: ``"section.key=value"`` each, the value as TOML; what is no TOML is taken as text.
        architecture: Another architecture; options and search keys of the recipe's own are dropped with it.

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
        _replace_architecture(values, architecture)
    for override in overrides:
        apply_override(values, override)
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


def apply_override(values: dict[str, Any], override: str) -> None:
    """Set one ``section.key=value`` in a parsed recipe, in place.

    Raises:
        RecipeError: It is not of that form.
    """
    key, equals, text = override.partition("=")
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
    table[last] = _parse_value(text.strip())


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


def _replace_architecture(values: dict[str, Any], name: str) -> None:
    if values.get("architecture", {}).get("name") == name:
        return
    values["architecture"] = {"name": name}
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
