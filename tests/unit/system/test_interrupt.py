"""Signals: at once where nothing is lost, after saving where something is, and never when they are to be ignored."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from cnnforge.errors import InterruptedRunError, TerminatedRunError
from cnnforge.system.interrupt import Interrupt

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(autouse=True)
def nothing_is_ignored() -> Iterator[None]:
    """Signals as they are in a terminal; under `nohup` tests begin with SIGHUP ignored."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number in SIGNALS:
        if before[number] == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_stops_at_once_where_nothing_is_to_be_saved(number: signal.Signals) -> None:
    with Interrupt(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_is_deferred_and_the_second_is_not(number: signal.Signals) -> None:
    with Interrupt() as interrupt:
        interrupt.defers = True
        signal.raise_signal(number)
        assert interrupt.is_requested
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
        with pytest.raises(KeyboardInterrupt):
            interrupt.release()


def test_without_a_request_releasing_goes_on() -> None:
    with Interrupt() as interrupt:
        interrupt.defers = True
        interrupt.release()
        assert not interrupt.defers


@pytest.mark.parametrize(
    ("number", "kind", "code", "name"),
    [
        (signal.SIGINT, InterruptedRunError, 130, "Ctrl-C"),
        (signal.SIGTERM, TerminatedRunError, 143, "SIGTERM"),
        (signal.SIGHUP, TerminatedRunError, 143, "SIGHUP"),
    ],
)
def test_the_error_names_the_signal_and_how_to_go_on(
    number: signal.Signals, kind: type[InterruptedRunError], code: int, name: str
) -> None:
    with Interrupt() as interrupt:
        interrupt.defers = True
        signal.raise_signal(number)
    error = interrupt.error(Path("runs/r"))
    assert (type(error), error.exit_code, str(error)) == (kind, code, f"stopped by {name}")
    assert error.hint == "continue with: cnnforge run --resume runs/r"


def test_what_the_process_ignores_stays_ignored_and_handlers_are_put_back() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    others = [signal.getsignal(number) for number in SIGNALS]
    try:
        with Interrupt():
            os.kill(os.getpid(), signal.SIGHUP)
        assert [signal.getsignal(number) for number in SIGNALS] == others
    finally:
        signal.signal(signal.SIGHUP, before)
