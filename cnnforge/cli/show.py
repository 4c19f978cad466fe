"""``cnnforge show NAME``: one architecture, data source, recipe or executor, with all its options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cnnforge.cli import schema
from cnnforge.cli.common import describe_entry, echo_json, entries, kind_of, registry, resolve_recipe
from cnnforge.cli.completion import complete_all_names
from cnnforge.cli.table import render, wrap
from cnnforge.errors import UnknownNameError, did_you_mean
from cnnforge.host import ArchitectureSpec, Entry, RecipeSpec

if TYPE_CHECKING:
    from cnnforge.recipe import Recipe


def show(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="As `cnnforge list` prints it.", autocompletion=complete_all_names)
    ],
    kind: Annotated[
        Literal["architecture", "data-source", "recipe", "executor"] | None,
        typer.Option(help="Which of several kinds that share the name; all if left out."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the JSON schema of the options; a list of them for several kinds.")
    ] = False,
) -> None:
    """Show one of the things listed, with all its settings."""
    found = _find(name, kind)
    if as_json:
        documents = [_as_json(entry) for entry in found]
        echo_json(documents[0] if len(documents) == 1 else documents)
    else:
        typer.echo("\n\n".join(_as_text(entry) for entry in found))


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
        recipe, spaces, size = _resolve(entry)
        document = {"recipe": recipe.model_dump(mode="json"), "search": spaces, "search_size": size}
        return {**describe_entry(entry), **document}
    document = {**describe_entry(entry), **schema.options_schema(entry.spec.options)}
    drawn = _drawn(entry)
    return {**document, "search_space": drawn} if drawn else document


def _as_text(entry: Entry[Any]) -> str:
    body = _recipe_text(entry) if isinstance(entry.spec, RecipeSpec) else _options_text(entry)
    return f"{entry.spec.name}: {entry.spec.kind} of {entry.plugin}\n{wrap(entry.spec.summary)}\n\n{body}"


def _options_text(entry: Entry[Any]) -> str:
    settings = schema.options_schema(entry.spec.options).get("properties", {})
    if not settings:
        return "no options"
    rows = [
        (name, schema.default(setting), schema.allowed(setting), setting.get("search_space", {}).get("text", "-"))
        for name, setting in settings.items()
    ]
    notes = [setting.get("description", "") for setting in settings.values()]
    table = render(("option", "default", "allowed", "search space"), rows, notes)
    drawn = _drawn(entry)
    return f"{table}\n\n{_spaces_table('`--search architecture` searches', drawn)}" if drawn else table


def _drawn(entry: Entry[Any]) -> dict[str, str]:
    """Return what an architecture's own search space draws; Keras Tuner is imported only if there is one."""
    if not isinstance(entry.spec, ArchitectureSpec) or entry.spec.search_space is None:
        return {}
    from cnnforge_tuning.conditional import discover, drawing_of

    return {h.name: h.text for h in discover(drawing_of(entry))}


def _spaces_table(title: str, spaces: dict[str, str]) -> str:
    return render((title, "search space"), list(spaces.items()))


def _recipe_text(entry: Entry[Any]) -> str:
    recipe, spaces, size = _resolve(entry)
    toml = recipe.to_toml().rstrip()
    if not spaces:
        return toml
    return f"{toml}\n\n{_spaces_table('`cnnforge tune` searches', spaces)}\n{size}"


def _resolve(entry: Entry[RecipeSpec]) -> tuple[Recipe, dict[str, str], str]:
    """Return the complete recipe, the search spaces it names and their size, in words."""
    from cnnforge.recipe import search_spaces
    from cnnforge_tuning.space import describe_size, hyperparameters

    resolved = resolve_recipe(entry.spec.name)
    found = hyperparameters(resolved)
    spaces = {h.name: h.text for h in found if h.drawing}
    spaces |= {key: space.describe() for key, space in search_spaces(resolved).items()}
    return resolved.recipe, spaces, describe_size(found)
