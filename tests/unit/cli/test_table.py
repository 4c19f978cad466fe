"""Tables that fit the terminal, and option schemas in words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest

from cnnforge import Field, Options
from cnnforge.cli import schema, table


def test_a_table_lines_its_columns_up():
    assert table.render(("name", "number"), [("a", "1"), ("longer", "22")], width=80) == (
        "name    number\n------  ------\na       1\nlonger  22"
    )


def test_long_cells_are_wrapped_to_the_width():
    text = table.render(("name", "summary"), [("name", "word " * 30)], ["a note " * 20], width=40)
    assert max(map(len, text.splitlines())) <= 40
    assert text.count("word") == 30
    assert text.count("a note") == 20 - text.count("a\n")


def test_a_table_too_wide_for_any_terminal_is_still_printed():
    text = table.render(("a", "b", "c"), [("x" * 30, "y" * 30, "z" * 30)], width=10)
    assert (text.count("x"), text.count("y"), text.count("z")) == (30, 30, 30)


def test_a_table_without_rows_is_its_header():
    assert table.render(("a", "b"), [], width=80) == "a  b\n-  -"


def test_lines_stay_whole_in_a_pipe(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr("os.get_terminal_size", lambda *_: (_ for _ in ()).throw(OSError))
    assert table.wrap("word " * 100).count("\n") == 0


class Everything(Options):
    whole: Annotated[int, Field(ge=1)] = 1
    between: Annotated[int, Field(ge=1, le=9)] = 1
    share: Annotated[float, Field(ge=0, lt=1)] = 0.5
    switch: bool = True
    text: str = "auto"
    path: Path | None = None
    choice: Literal["a", "b"] = "a"
    one: Literal["only"] = "only"
    numbers: Annotated[tuple[int, ...], Field(min_length=1, max_length=8)] = (1, 2)
    some: Annotated[tuple[str, ...], Field(min_length=2)] = ("x", "y")
    many: tuple[str, ...] = ()
    size: tuple[int, int] | None = None
    either: int | str = 1
    table: Annotated[dict[str, int], Field(default_factory=dict)]


@pytest.mark.parametrize(
    ("option", "allowed", "default"),
    [
        ("whole", "int >= 1", "1"),
        ("between", "int 1 to 9", "1"),
        ("share", "float >= 0, < 1", "0.5"),
        ("switch", "true | false", "true"),
        ("text", "text", '"auto"'),
        ("path", "path", "-"),
        ("choice", "a | b", '"a"'),
        ("one", "only", '"only"'),
        ("numbers", "list of 1 to 8 of int", "[1, 2]"),
        ("some", "list of at least 2 of text", '["x", "y"]'),
        ("many", "list of text", "[]"),
        ("size", "[int, int]", "-"),
        ("either", "int or text", "1"),
        ("table", "table", "-"),
    ],
)
def test_options_in_words(option, allowed, default):
    setting = schema.options_schema(Everything)["properties"][option]
    assert (schema.allowed(setting), schema.default(setting)) == (allowed, default)
