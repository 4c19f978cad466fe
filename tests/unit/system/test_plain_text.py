"""What is shown is what a terminal prints and a spreadsheet does not compute, and cells give back their text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, strategies

from cnnforge.interface import LogReporter, PlainStream
from cnnforge.system import from_spreadsheet_cell, one_line, plain, spreadsheet_cell


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mRED", "a\\x1b[31mRED"),
        ("\x1b]0;TITLE\x07", "\\x1b]0;TITLE\\x07"),
        ("\x9b2J", "\\x9b2J"),
        ("b\u202egpj", "b\\u202egpj"),
        ("\u2066x\u2069", "\\u2066x\\u2069"),
        ("\u200fx\u061c", "\\u200fx\\u061c"),
        ("a\rb\x08\x7f", "a\\rb\\x08\\x7f"),
        ("a\u2028b", "a\\u2028b"),
        ("Zürich 東京 👩\u200d👧 می\u200cخواهم", "Zürich 東京 👩\u200d👧 می\u200cخواهم"),
        ("a\\x1b", "a\\x1b"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
    ],
)
def test_what_a_terminal_obeys_is_written_out(text: str, shown: str) -> None:
    assert plain(text) == shown
    assert one_line(text) == shown.replace("\n", "\\n").replace("\t", "\\t")


@given(strategies.text())
def test_nothing_is_left_that_is_obeyed_and_nothing_else_is_changed(text: str) -> None:
    shown = one_line(text)
    assert not [c for c in shown if unicodedata.category(c) == "Cc" or unicodedata.bidirectional(c) in _TURNING]
    assert plain(shown) == one_line(shown) == shown
    if text.isprintable():
        assert shown == text


_TURNING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "'=1", "''-1"])
def test_a_cell_that_would_be_computed_is_not(text: str) -> None:
    assert spreadsheet_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "a=1", "cat", "'cat'", "3", "'", "it's"])
def test_another_cell_is_as_it_is(text: str) -> None:
    assert spreadsheet_cell(text) == from_spreadsheet_cell(text) == text


@given(strategies.text("'=+-@\t\r\nab"))
def test_a_cell_gives_back_its_text(text: str) -> None:
    assert from_spreadsheet_cell(spreadsheet_cell(text)) == text


def test_a_log_has_a_line_for_what_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    import sys

    with LogReporter(sys.stdout) as reporter:
        reporter.say("a\nb\x1b")
        reporter.warn("c\nd")
    assert capsys.readouterr().out == "a\\nb\\x1b\n! c\\nd\n"


def test_a_stream_keeps_what_else_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    import sys

    stream = PlainStream(sys.stdout)
    assert stream.write("\x07a") == 2
    stream.writelines(["b\x07", "\n"])
    assert (stream.encoding, stream.isatty()) == (sys.stdout.encoding, False)
    assert capsys.readouterr().out == "\\x07ab\\x07\n"
