"""Text from names of files, classes and plugins and from their errors, as it is safe to show."""

from __future__ import annotations

import re

# What a terminal obeys, and marks that turn the order of text around; line breaks and tabs apart.
_MARKS = "\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069"
_OBEYED = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{_MARKS}]")
_OBEYED_OR_BREAK = re.compile(f"[\x00-\x1f\x7f-\x9f{_MARKS}]")
# How a cell begins that a spreadsheet would compute, or that looks as if it had been kept from that.
_FORMULA = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


def plain(text: str) -> str:
    r"""Return a text with what a terminal would obey written out, such as ``\x1b``; its lines stay lines."""
    return _OBEYED.sub(_written_out, text)


def one_line(text: str) -> str:
    r"""Return a text that stands on one line, as a name should: its line breaks and tabs are written out too."""
    return _OBEYED_OR_BREAK.sub(_written_out, text)


def spreadsheet_cell(text: str) -> str:
    """Return a text as a spreadsheet shows it and does not compute it: with an apostrophe if it began a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def from_spreadsheet_cell(cell: str) -> str:
    """Return the text of which :func:`spreadsheet_cell` made a cell, exactly."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _written_out(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()
