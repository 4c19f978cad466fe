"""Progress on a terminal, and honest lines in a pipe or a log."""

from __future__ import annotations

import io

import pytest

from cnnforge.interface import LogReporter, TerminalReporter, terminal, terminal_reporter


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def work(reporter: LogReporter | TerminalReporter) -> None:
    with reporter:
        reporter.say("Recipe   [bold]x[/bold]")
        reporter.warn("these are drawings")
        for done in range(0, 101, 10):
            reporter.progress("Reading images", done, 100)
        reporter.finish("Data     100 images")


def test_the_stream_decides() -> None:
    assert isinstance(terminal_reporter(io.StringIO()), LogReporter)
    assert isinstance(terminal_reporter(Screen()), TerminalReporter)


def test_a_log_has_plain_lines_and_no_control_codes() -> None:
    stream = io.StringIO()
    work(LogReporter(stream))
    assert stream.getvalue().splitlines() == [
        "Recipe   [bold]x[/bold]",
        "! these are drawings",
        "Data     100 images",
    ]


def test_long_work_says_where_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1000, 4))
    monkeypatch.setattr(terminal.time, "monotonic", lambda: float(next(clock)))
    stream = io.StringIO()
    work(LogReporter(stream))
    lines = [line for line in stream.getvalue().splitlines() if line.startswith("Reading images")]
    assert lines == [
        "Reading images  40 of 100  2 images/s  24 s left",
        "Reading images  80 of 100  2 images/s  8 s left",
    ]


def test_a_terminal_shows_a_bar_and_keeps_the_lines() -> None:
    screen = Screen()
    work(TerminalReporter(screen))
    shown = screen.getvalue()
    for text in ("Recipe   [bold]x[/bold]", "! these are drawings", "Reading images", "100/100", "Data     100 images"):
        assert text in shown
