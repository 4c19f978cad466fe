"""``cnnforge show NAME``: one of the things listed, with all its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnnforge.cli import schema
from cnnforge.cli.common import describe_entry, echo_json, entries, kind_of
from cnnforge.cli.completion import complete_all_names
from cnnforge.cli.table import render, wrap
from cnnforge.errors import UnknownNameError, did_you_mean
from cnnforge.host import ArchitectureSpec, Entry, RecipeSpec, SettingsSpec, import_deferred
from cnnforge.interface import registry, resolve_recipe

if TYPE_CHECKING:
    from cnnforge.recipe import ResolvedRecipe


def show(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="As `cnnforge list` prints it.", autocompletion=complete_all_names)
    ],
    kind: Annotated[
        str | None,
        typer.Option(help="Which of several kinds that share the name, such as data-source; all if left out."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the JSON schema of the options; a list of them for several kinds.")
    ] = False,
) -> None:
    """Show one of the things listed, with all its settings."""
    matches = _find(name, kind)
    if as_json:
        documents = [_as_json(entry) for entry in matches]
        echo_json(documents[0] if len(documents) == 1 else documents)
    else:
        typer.echo("\n\n".join(_as_text(entry) for entry in matches))


def _find(name: str, kind: str | None) -> list[Entry[Any]]:
    """Return the entries of that name, one for each kind.

    Raises:
        UnknownNameError: There is none.
        NameConflictError: Two plugins bring it.
    """
    available = [entry for entry in entries() if kind in (None, kind_of(entry))]
    names = dict.fromkeys(entry.spec.name for entry in available)
    if name not in names:
        raise UnknownNameError(
            f"unknown name {name!r}.{did_you_mean(name, names)} Available: {', '.join(names) or 'none'}",
            hint="`cnnforge list` shows what there is, `cnnforge plugins` what is broken",
        )
    kinds = {entry.spec.kind for entry in available if entry.spec.name == name}
    return [catalogue.get(name) for catalogue in registry().catalogues().values() if catalogue.kind in kinds]


def _as_json(entry: Entry[Any]) -> dict[str, Any]:
    if isinstance(entry.spec, RecipeSpec):
        resolved = resolve_recipe(entry.spec.name)
        recipe = resolved.recipe.model_dump(mode="json")
        return {**describe_entry(entry), "recipe": recipe, **_added(resolved)}
    options = getattr(entry.spec, "options", None)
    document = {**describe_entry(entry), **(schema.options_schema(options) if options else {})}
    if isinstance(entry.spec, ArchitectureSpec):
        document |= {"defaults": dict(entry.spec.defaults)} if entry.spec.defaults else {}
        document |= _added(entry)
    return document


def _as_text(entry: Entry[Any]) -> str:
    parts = [f"{entry.spec.name}: {entry.spec.kind} of {entry.plugin}\n{wrap(entry.spec.headline)}"]
    if isinstance(entry.spec, RecipeSpec):
        resolved = resolve_recipe(entry.spec.name)
        parts += [resolved.recipe.to_toml().rstrip(), *_added_text(resolved)]
    else:
        parts.append(_options_text(entry))
    if isinstance(entry.spec, ArchitectureSpec):
        defaults = [(key, str(value)) for key, value in entry.spec.defaults.items()]
        parts += [render(("suits it", "default"), defaults)] if defaults else []
        parts += _added_text(entry)
    return "\n\n".join(parts)


def _options_text(entry: Entry[Any]) -> str:
    options = getattr(entry.spec, "options", None)
    settings = schema.options_schema(options).get("properties", {}) if options else {}
    if not settings:
        return "no options"
    rows = [
        (name, schema.default(setting), schema.allowed(setting), setting.get("search_space", {}).get("text", "-"))
        for name, setting in settings.items()
    ]
    notes = [setting.get("description", "") for setting in settings.values()]
    return render(("option", "default", "allowed", "search space"), rows, notes)


def _added(shown: ResolvedRecipe | Entry[ArchitectureSpec]) -> dict[str, Any]:
    """Return what plugins with a section of the recipe say of it: tables and lines by their titles."""
    descriptions: dict[str, Any] = {}
    for entry in registry().catalogue(SettingsSpec).all():
        if entry.spec.describe is not None:
            owner = f"settings {entry.spec.name!r} of plugin {entry.plugin}"
            descriptions |= import_deferred(entry.spec.describe, owner)(shown)
    return descriptions


def _added_text(shown: ResolvedRecipe | Entry[ArchitectureSpec]) -> list[str]:
    parts = [
        render((title.replace("_", " "), ""), list(value.items())) if isinstance(value, dict) else str(value)
        for title, value in _added(shown).items()
    ]
    return ["\n".join(parts)] if parts else []
