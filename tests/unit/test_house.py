"""The house: which rooms there are, who may import whom, and that everybody goes through the door."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = ROOT / "cnnforge"
ROOMS = (
    "system",
    "host",
    "recipe",
    "images",
    "data",
    "network",
    "training",
    "evaluation",
    "report",
    "running",
    "interface",
    "scaffold",
    "cli",
    "testing",
)
"""From the ground up: a room imports from those below it."""

PLUGINS = [
    package
    for entry in sorted((ROOT / "plugins").iterdir())
    for package in ([entry] if (entry / "__init__.py").exists() else sorted(entry.glob("cnnforge_*")))
    if (package / "__init__.py").exists()
]


def imports(path: Path, *, with_types: bool = False) -> Iterator[tuple[int, str, list[str]]]:
    """Yield line, module and names of every import in a file, those in functions too; those for types if wanted."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        id(node)
        for block in ast.walk(tree)
        if not with_types
        and isinstance(block, ast.If)
        and isinstance(block.test, ast.Name)
        and block.test.id == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and id(node) not in for_types:
            yield node.lineno, node.module, [alias.name for alias in node.names]
        elif isinstance(node, ast.Import) and id(node) not in for_types:
            yield from ((node.lineno, alias.name, []) for alias in node.names)


def of_core(folder: Path, *, with_types: bool = False) -> Iterator[tuple[str, str, str, list[str]]]:
    """Yield ``file:line``, the room, the rest of the module's name and the names of every import from a room."""
    for path in sorted(folder.rglob("*.py")):
        for line, module, names in imports(path, with_types=with_types):
            package, _, rest = module.partition(".")
            room, _, inner = rest.partition(".")
            if package == "cnnforge" and room in ROOMS:
                yield f"{path.relative_to(ROOT)}:{line}", room, inner, names


def test_the_core_has_these_rooms_and_no_loose_module() -> None:
    assert {path.name for path in CORE.iterdir() if path.is_dir() and path.name != "__pycache__"} == set(ROOMS)
    assert {path.name for path in CORE.iterdir() if path.is_file()} == {
        "__init__.py",
        "__main__.py",
        "errors.py",
        "py.typed",
    }


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_from_rooms_below_it(room: str) -> None:
    below = ROOMS[: ROOMS.index(room)]
    assert [(where, other) for where, other, _, _ in of_core(CORE / room) if other != room and other not in below] == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_from_others_by_their_door(room: str) -> None:
    assert [
        (where, f"{other}.{inner}") for where, other, inner, _ in of_core(CORE / room) if other != room and inner
    ] == []


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: path.name)
def test_a_plugin_imports_from_rooms_by_their_door(plugin: Path) -> None:
    assert [(where, f"{room}.{inner}") for where, room, inner, _ in of_core(plugin) if inner] == []


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: path.name)
def test_a_plugin_imports_no_other_plugin(plugin: Path) -> None:
    others = {path.name for path in PLUGINS} - {plugin.name}
    found = [
        (f"{path.relative_to(ROOT)}:{line}", module)
        for path in sorted(plugin.rglob("*.py"))
        for line, module, _ in imports(path)
        if module.partition(".")[0] in others
    ]
    assert found == []


def test_the_core_imports_no_plugin() -> None:
    names = {path.name for path in PLUGINS}
    found = [
        (f"{path.relative_to(ROOT)}:{line}", module)
        for path in sorted(CORE.rglob("*.py"))
        for line, module, _ in imports(path)
        if module.partition(".")[0] in names
    ]
    assert found == []


def doors() -> Iterator[tuple[str, str, str]]:
    """Yield room, module and name of everything that a door hands out."""
    for path in sorted(CORE.glob("*/__init__.pyi")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            assert isinstance(node, ast.ImportFrom)
            yield from ((path.parent.name, node.module or "", alias.name) for alias in node.names)


def test_what_a_door_hands_out_has_no_other_meaning_in_its_room() -> None:
    """A module of the same name would stand in its place as soon as anybody imports it."""
    assert [(room, name) for room, module, name in doors() if module and (CORE / room / f"{name}.py").exists()] == []


def test_what_a_door_hands_out_is_needed_outside_its_room() -> None:
    used = {(room, name) for _, room, _, names in of_core(CORE, with_types=True) for name in names}
    for folder in (ROOT / "plugins", ROOT / "examples", ROOT / "docs", ROOT / "tests"):
        used |= {(room, name) for _, room, _, names in of_core(folder, with_types=True) for name in names}
    for path in [
        *CORE.rglob("*.py"),
        *(ROOT / "plugins").rglob("*.py"),
    ]:  # code that is given to other processes as text
        lines = re.findall(r"^from cnnforge\.(\w+) import (\w+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        used |= {(room, name) for room, name in lines if room != path.parent.name}
    for line, module, names in imports(CORE / "__init__.py", with_types=True):
        used |= {(module.partition(".")[2], name) for name in names if line}
    assert [(room, name) for room, _, name in doors() if (room, name) not in used] == []
