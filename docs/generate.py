"""Fills the generated blocks of README and docs from the code: ``python docs/generate.py``.

A block stands between ``<!-- generated: KIND ARGUMENT -->`` and ``<!-- end -->``. Kinds: ``commands``, ``settings
SECTION``, ``options ARCHITECTURE_SOURCE_OR_EXECUTOR``, ``hooks``, ``arguments CLASS``, ``errors``, ``file PATH``,
``python MODULE:NAME``, ``reliability PART`` of what ``make reliability`` measured, and ``new PATH``, a file that
``cnnforge new plugin`` writes. A test checks that every block is up to date.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import house  # beside this file
import typer
from pydantic import BaseModel

import cnnforge
from cnnforge import errors, scaffold
from cnnforge.cli import schema
from cnnforge.cli.app import CORE_COMMANDS, app
from cnnforge.host import hookspecs, import_deferred
from cnnforge.host.kinds import CommandSpec, SettingsSpec
from cnnforge.host.plugin_host import PluginHost
from cnnforge.host.registry import Registry
from cnnforge.host.specs import search_space
from cnnforge.recipe.schema import Recipe

ROOT = Path(__file__).resolve().parent.parent
_BLOCK = re.compile(r"(<!-- generated: (\w+) ?([^\n ]*) ?-->\n).*?(<!-- end -->)", re.DOTALL)
_LANGUAGES = {".py": "python", ".toml": "toml"}


NEW_PLUGINS: dict[str, dict[str, str]] = {"acme-net": {}, "acme-photos": {"data_source": "acme_photos"}}
"""The plugins that the guides write with ``cnnforge new plugin``, and the names that they give it."""


def pages() -> list[Path]:
    """Return the Markdown files of the project."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "examples").rglob("*.md"))]


def fill(text: str) -> str:
    """Return a page with its generated blocks up to date."""
    return _BLOCK.sub(lambda block: f"{block[1]}\n{_KINDS[block[2]](block[3])}\n\n{block[4]}", text)


def _file(path: str) -> str:
    return _fenced((ROOT / path).read_text(encoding="utf-8"), _LANGUAGES[Path(path).suffix])


def _new(path: str) -> str:
    """Return a file that ``cnnforge new plugin`` writes; the first part of the path says which plugin."""
    distribution, _, name = path.partition("/")
    contents = scaffold.plugin_files(distribution, **NEW_PLUGINS[distribution])
    return _fenced(contents[name], _LANGUAGES.get(Path(path).suffix, ""))


def _hooks(_: str) -> str:
    functions = [f for name, f in vars(hookspecs).items() if name.startswith("cnnforge_")]
    return "\n\n".join(
        f"### `{f.__name__}`\n\n{_fenced(f'def {f.__name__}{inspect.signature(f)}'.replace(chr(39), ''), 'python')}"
        f"\n\n{_markdown(inspect.getdoc(f) or '')}"
        for f in functions
    )


def _arguments(name: str) -> str:
    """Return the arguments that the docstrings of a class and its bases describe, with their defaults."""
    owner = getattr(cnnforge, name)
    described = {key: text for base in reversed(owner.__mro__) for key, text in _described_arguments(base)}
    parameters = inspect.signature(owner).parameters
    rows = [
        (f"`{key}`", _argument_default(parameters[key]), _markdown(text))
        for key, text in described.items()
        if key in parameters
    ]
    return _table(("argument", "default", "meaning"), rows)


def _described_arguments(owner: type) -> Iterator[tuple[str, str]]:
    own = owner.__dict__.get("__doc__") or ""
    _, _, arguments = inspect.cleandoc(own).partition("Args:\n")
    yield from _described_arguments_of(arguments)


def _argument_default(parameter: inspect.Parameter) -> str:
    if parameter.default is inspect.Parameter.empty:
        return "required"
    value = parameter.default
    if value.__class__.__name__ == "_HAS_DEFAULT_FACTORY_CLASS":  # as dataclasses write it
        return "empty"
    return f"`{value.__name__ if isinstance(value, type) else repr(value)}`"


def _python(name: str) -> str:
    """Return the signature and docstring of a function, or of a class and what it has, such as ``cnnforge:run``."""
    module, _, attribute = name.partition(":")
    owner = getattr(importlib.import_module(module), attribute)
    if not isinstance(owner, type):
        return _callable(attribute, owner)
    members = [(key, value) for key, value in vars(owner).items() if not key.startswith("_")]
    rows = [
        (f"`.{key}`", _markdown((inspect.getdoc(value) or "").partition("\n")[0]))
        for key, value in members
        if not callable(value)
    ]
    methods = [_callable(f".{key}", value) for key, value in members if callable(value)]
    doc = _markdown((inspect.getdoc(owner) or "").partition("Args:\n")[0].strip())
    return "\n\n".join([doc, *([_table(("what it has", "meaning"), rows)] if rows else []), *methods])


def _callable(name: str, function: Callable[..., Any]) -> str:
    signature = str(inspect.signature(function)).replace("'", "").replace("(self, ", "(").replace("(self)", "()")
    doc, _, rest = (inspect.getdoc(function) or "").partition("\n\nArgs:\n")
    arguments = [(f"`{key}`", _markdown(text)) for key, text in _described_arguments_of(rest)]
    doc, _, alone = doc.partition("\n\nRaises:\n")
    raised = [(f"`{key}`", text) for key, text in _described_arguments_of(rest.partition("Raises:\n")[2] or alone)]
    tables = [_table(("argument", "meaning"), arguments), _table(("raises", "when"), raised)]
    kept = [table for table, rows in zip(tables, (arguments, raised), strict=True) if rows]
    return "\n\n".join([_fenced(f"{name}{signature}", "python-signature"), _markdown(doc), *kept])


def _described_arguments_of(text: str) -> Iterator[tuple[str, str]]:
    for entry in re.split(r"\n    (?=\w)", "\n" + text.partition("\n\n")[0])[1:]:
        key, _, meaning = entry.partition(":")
        yield key, " ".join(meaning.split())


def _errors(_: str) -> str:
    classes = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, errors.CnnforgeError)]
    rows = [
        (str(e.exit_code), f"`{e.__name__}`", f"`{e.__bases__[0].__name__}`", (e.__doc__ or "").partition("\n")[0])
        for e in classes
    ]
    return _table(("exit code", "class", "is a", "meaning"), rows)


def _settings(section: str) -> str:
    first, *_ = section.split(".")
    declared = _built_in().catalogue(SettingsSpec).entries
    if first in declared:
        return _settings_table(declared[first][0].spec.options)
    owner: Any = Recipe
    for name in section.split("."):
        annotation: Any = owner.model_fields[name].annotation
        owner = next((part for part in get_args(annotation) if part is not type(None)), annotation)
    return _settings_table(owner)


def _options(name: str) -> str:
    kind = next(kind for kind in _built_in().catalogues().values() if name in kind.entries)
    return _settings_table(kind.get(name).spec.options)


def _settings_table(owner: type[BaseModel]) -> str:
    json_schema = owner.model_json_schema()
    required = json_schema.get("required", ())
    rows = []
    for name, setting in json_schema["properties"].items():
        space = search_space(owner, name)
        rows.append(
            (
                f"`{name}`",
                _allowed(setting),
                "required" if name in required else _default(setting),
                space.describe() if space else "",
                setting.get("description", ""),
            )
        )
    return _table(("setting", "allowed", "default", "search space", "meaning"), rows)


def _allowed(setting: dict[str, Any]) -> str:
    """Return what values a setting takes; Keras objects are the only settings that are tables."""
    if "$ref" in str(setting):
        return "list of names or tables" if setting.get("type") == "array" else "name or table"
    return schema.allowed(setting)


def _default(setting: dict[str, Any]) -> str:
    if isinstance(setting.get("default"), dict):
        return "see below"
    value = schema.default(setting)
    return "not set" if value == "-" else f"`{value}`"


def _commands(_: str) -> str:
    return "\n\n".join(_command(name, callback) for name, callback in commands().items())


def commands() -> dict[str, Callable[..., Any]]:
    """Return the functions of all built-in commands by their full names, such as ``cnnforge data check``."""
    callback = app.registered_callback
    found: dict[str, Any] = {"cnnforge": callback.callback if callback else None}
    for entry in [*CORE_COMMANDS.values(), *_built_in().catalogue(CommandSpec).all()]:
        command = import_deferred(entry.spec.app, entry.spec.name)
        path = f"cnnforge {entry.spec.name}"
        found |= _of_group(command, path) if isinstance(command, typer.Typer) else {path: command}
    return found


def _built_in() -> Registry:
    return Registry(PluginHost.discover({"CNNFORGE_LOAD_PLUGINS": ""}))


def _of_group(group: typer.Typer, path: str) -> dict[str, Callable[..., Any]]:
    found: dict[str, Any] = {path: group.registered_callback.callback} if group.registered_callback else {}
    found |= {f"{path} {command.name}": command.callback for command in group.registered_commands}
    for inner in group.registered_groups:
        if inner.typer_instance:
            found |= _of_group(inner.typer_instance, f"{path} {inner.name}")
    return found


def parameters(callback: Callable[..., Any]) -> Iterator[tuple[inspect.Parameter, Any]]:
    """Yield each parameter of a command, its annotation evaluated, with typer's description of it."""
    for parameter in inspect.signature(callback, eval_str=True).parameters.values():
        for mark in getattr(parameter.annotation, "__metadata__", ()):
            yield parameter, mark


def spelling(parameter: inspect.Parameter, mark: Any) -> str:
    """Return how a parameter is written on the command line."""
    if isinstance(mark, typer.models.ArgumentInfo):
        return mark.metavar or parameter.name.upper()
    given = [text for text in (mark.default, *(mark.param_decls or ())) if str(text).startswith("--")]
    option = given[0] if given else f"--{parameter.name.replace('_', '-')}"
    takes_value = "bool" not in str(parameter.annotation)
    return f"{option} {mark.metavar or parameter.name.upper()}" if takes_value else option


def _command(path: str, callback: Callable[..., Any]) -> str:
    rows = [
        (f"`{spelling(parameter, mark)}`", _default_of_parameter(parameter.default), _meaning(parameter, mark))
        for parameter, mark in parameters(callback)
    ]
    table = _table(("argument or option", "default", "meaning"), rows) if rows else ""
    return f"## `{path}`\n\n{_markdown(inspect.getdoc(callback) or '')}\n\n{table}".rstrip()


def _meaning(parameter: inspect.Parameter, mark: Any) -> str:
    """Return the help of a parameter, and what it may be where that is one of a few words."""
    choices = re.search(r"Literal\[(.*?)\]", str(parameter.annotation))
    words = choices[1].replace("'", "`") if choices else ""
    return f"{mark.help} One of {words}." if words else str(mark.help)


def _default_of_parameter(default: Any) -> str:
    if default is inspect.Parameter.empty:
        return "required"
    return f"`{default}`" if default else ""


def _reliability(part: str) -> str:
    """Return a part of what ``make reliability`` measured: the ``figures``, their ``conditions``, untested cases."""
    path = ROOT / "docs" / "reliability.json"
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if part in _RELIABILITY:
        headers, keys = _RELIABILITY[part]
        return _table(("", *headers), [(n, *(str(record[key]) for key in keys)) for n, record in kept.items()])
    cases = list(kept.get("3", {}).get("details", {}).get(part, {}).items())
    return _table(("case", "what"), cases) if cases else "none"


_RELIABILITY = {
    "figures": (
        ("figure", "must be", "CNNForge", "the same test otherwise", "of"),
        ("title", "target", "ours", "theirs", "count"),
    ),
    "conditions": (
        ("measured", "on", "with", "seed", "seconds"),
        ("measured", "machine", "packages", "seed", "seconds"),
    ),
}


def _markdown(text: str) -> str:
    """Return a docstring's text as Markdown."""
    return re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text).replace("``", "`")


def _fenced(text: str, language: str) -> str:
    return f"```{language}\n{text.rstrip()}\n```"


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table without the columns that no row fills."""
    kept = [i for i in range(len(headers)) if any(row[i] for row in rows)]
    lines = [headers, ("---",) * len(headers), *rows]
    return "\n".join(f"| {' | '.join(line[i].replace('|', chr(92) + '|') for i in kept)} |" for line in lines)


_KINDS: dict[str, Callable[[str], str]] = {
    "arguments": _arguments,
    "commands": _commands,
    "errors": _errors,
    "file": _file,
    "hooks": _hooks,
    "new": _new,
    "options": _options,
    "python": _python,
    "reliability": _reliability,
    "settings": _settings,
}


def ruff_of_plugins() -> str:
    """Return ``plugins/ruff.toml``: the modules inside rooms, which plugins must not import."""
    core = ROOT / "cnnforge"
    doors = {door.parent.name: door.read_text(encoding="utf-8") for door in core.glob("*/__init__.pyi")}
    lines = [
        f'"cnnforge.{path.parent.name}.{path.stem}".msg = "import it from cnnforge.{path.parent.name}"'
        for path in sorted(core.glob("*/*.py"))
        if path.parent.name in doors and not path.stem.startswith("__") and path.parent.name != "testing"
        if not re.search(rf"^from \. import .*\b{path.stem}\b", doors[path.parent.name], re.MULTILINE)
    ]
    head = "# Written by docs/generate.py: plugins import rooms of the core by their doors, and ruff says so.\n"
    table = "[lint.flake8-tidy-imports.banned-api]"
    return f'{head}extend = "../pyproject.toml"\n\n{table}\n' + "".join(f"{line}\n" for line in lines)


if __name__ == "__main__":
    (ROOT / "plugins" / "ruff.toml").write_text(ruff_of_plugins(), encoding="utf-8")
    (ROOT / "docs" / "images" / "house.svg").write_text(house.picture(), encoding="utf-8")
    for page in pages():
        page.write_text(fill(page.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
