"""The house in one picture: the rooms of the core, floor by floor, who imports whom, and the plugins above them.

``docs/generate.py`` writes it from the code, and a test checks that it is up to date.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from html import escape
from pathlib import Path

CORE = Path(__file__).resolve().parent.parent / "cnnforge"
PLUGINS = CORE.parent / "plugins"
_ROW, _LEFT, _NAME, _CELL = 34, 16, 112, 24
_WIDTH, _TOP = 1200, 46
_STYLE = """\
text { font: 14px system-ui, sans-serif; fill: #1b2430 }
.room { font-weight: 600 } .small { font-size: 12px; fill: #55606e }
.floor { fill: #f4f6f9; stroke: #c5ccd6 } .roof { fill: #fdf3e4; stroke: #dfc08a }
.dot { fill: #2f6db5 } .grid { stroke: #e1e5ea }
@media (prefers-color-scheme: dark) {
text { fill: #e8ecf1 } .small { fill: #a9b3bf }
.floor { fill: #232a33; stroke: #465160 } .roof { fill: #3a3020; stroke: #7a633a }
.dot { fill: #7fb2ee } .grid { stroke: #39424d }
}"""
_CAPTION = "A dot: the room of the row imports from the room of the column, which stands below it. Nobody looks up."


def rooms() -> list[str]:
    """Return the rooms from the roof to the ground: each stands above all that it imports."""
    imported = {path.parent.name: imports_of(path.parent) for path in CORE.glob("*/__init__.py")}
    ordered: list[str] = []
    while ready := sorted(room for room, others in imported.items() if room not in ordered and others <= set(ordered)):
        ordered += ready
    if circle := set(imported) - set(ordered):
        raise ValueError(f"expected rooms that import in one direction, received a circle among {sorted(circle)}")
    return ordered[::-1]


def imports_of(room: Path) -> set[str]:
    """Return the rooms that a room imports, in functions too, but not for types alone."""
    found = {name for path in room.rglob("*.py") for name in _imported(ast.parse(path.read_text(encoding="utf-8")))}
    return {name for name in found if (CORE / name).is_dir()} - {room.name}


def _imported(tree: ast.Module) -> Iterator[str]:
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cnnforge."):
            yield str(node.module).split(".")[1]
        waiting.extend(ast.iter_child_nodes(node))


def picture() -> str:
    """Return the picture as SVG."""
    names = rooms()
    built_in = sorted(path.parent.name for path in PLUGINS.glob("cnnforge_*/__init__.py"))
    others = sorted(path.name for path in PLUGINS.glob("cnnforge-*") if (path / "pyproject.toml").exists())
    height = _TOP + _ROW * (len(names) + 4) + 16
    matrix = _WIDTH - _CELL * len(names) - 36
    parts = [
        _roof(0, "in the wheel", ", ".join(built_in)),
        _roof(1, "of their own", ", ".join([*others, "and yours"])),
        _text(_LEFT, _TOP + 4 * _ROW - 10, "the core", "small"),
    ]
    for column, name in enumerate(names):
        x, y = matrix + column * _CELL + _CELL / 2 + 4, _TOP + 4 * _ROW - 6
        parts.append(f'<text class="small" transform="translate({x} {y}) rotate(-52)">{name}</text>')
    for row, name in enumerate(names):
        y = _TOP + (row + 4) * _ROW
        width = matrix - _LEFT - 12
        parts.append(f'<rect class="floor" x="{_LEFT}" y="{y}" width="{width}" height="{_ROW - 4}" rx="4"/>')
        parts.append(_text(_LEFT + 10, y + 20, name, "room"))
        parts.append(_text(_LEFT + _NAME, y + 20, _noun(name), "small"))
        others_of = imports_of(CORE / name)
        for column, other in enumerate(names):
            x = matrix + column * _CELL + _CELL / 2
            parts.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{y}" y2="{y + _ROW}"/>')
            if other in others_of:
                dot = f'<circle class="dot" cx="{x}" cy="{y + _ROW / 2 - 2}" r="5">'
                parts.append(f"{dot}<title>{name} imports {other}</title></circle>")
    parts.append(_text(_LEFT, 24, _CAPTION, "small"))
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="The rooms of'
        f' CNNForge">\n<style>{_STYLE}</style>\n{body}\n</svg>\n'
    )


def _roof(row: int, title: str, names: str) -> str:
    y = _TOP + row * (_ROW - 4)
    box = f'<rect class="roof" x="{_LEFT}" y="{y}" width="{_WIDTH - 2 * _LEFT}" height="{_ROW - 8}" rx="4"/>'
    return f"{box}\n{_text(_LEFT + 10, y + 18, f'plugins {title}: {names}', 'small')}"


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x}" y="{y}">{escape(text)}</text>'


def _noun(room: str) -> str:
    """Return the first line of a room's docstring."""
    text = ast.get_docstring(ast.parse((CORE / room / "__init__.py").read_text(encoding="utf-8"))) or ""
    return text.split("\n")[0].replace("``", "").removesuffix(".")
