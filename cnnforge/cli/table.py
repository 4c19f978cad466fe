"""Plain tables that fit the terminal; importing rich would take longer than the commands that print them."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence
from itertools import zip_longest

from cnnforge.system import one_line

_GAP = "  "
_MIN_COLUMN_WIDTH = 8
_UNLIMITED = 10_000


def render(headers: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str] = (), width: int = 0) -> str:
    """Return a table as text, without a line break at its end.

    Args:
        headers: The names of the columns.
        rows: A cell for each column; cells too long for the width are wrapped.
        notes: For each row a text that stands below it; empty: none.
        width: Columns to fit into; 0: the terminal's.
    """
    width = width or _terminal_width()
    headers, *rows = [[one_line(cell) for cell in row] for row in (headers, *rows)]
    widths = _fit([max(map(len, column)) for column in zip(headers, *rows, strict=True)], width)
    lines = [*_row(headers, widths), _GAP.join("-" * w for w in widths)]
    for row, note in zip_longest(rows, notes, fillvalue=""):
        lines += _row(row, widths)
        lines += [wrap(one_line(note), width, indent="    ")] if note else []
    return "\n".join(lines)


def wrap(text: str, width: int = 0, indent: str = "") -> str:
    """Return a text as lines that fit the width (0: the terminal's)."""
    return textwrap.fill(text, width or _terminal_width(), initial_indent=indent, subsequent_indent=indent)


def _terminal_width() -> int:
    """Return the columns of the terminal or of ``COLUMNS``; unlimited in a pipe, where lines should stay whole."""
    return shutil.get_terminal_size(fallback=(_UNLIMITED, 24)).columns


def _fit(widths: list[int], width: int) -> list[int]:
    """Return the widths with the widest columns narrowed until all fit."""
    widths = list(widths)
    while sum(widths) + len(_GAP) * (len(widths) - 1) > width and max(widths) > _MIN_COLUMN_WIDTH:
        widths[widths.index(max(widths))] -= 1
    return widths


def _row(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    wrapped = [textwrap.wrap(cell, w, break_on_hyphens=False) for cell, w in zip(cells, widths, strict=True)]
    return [
        _GAP.join(part.ljust(w) for part, w in zip(parts, widths, strict=True)).rstrip()
        for parts in zip_longest(*wrapped, fillvalue="")
    ]
