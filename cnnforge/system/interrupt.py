"""Signals that ask a run to stop: Ctrl-C, a scheduler's SIGTERM, the SIGHUP of a terminal that was closed."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from cnnforge.errors import InterruptedRunError, TerminatedRunError

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP


class Interrupt:
    """While active, a signal raises ``KeyboardInterrupt``, which no ``except Exception`` swallows.

    While :attr:`defers` is set, as it is when there is something to save, the first signal only sets
    :attr:`is_requested`, and the second raises. A signal that the process was started to ignore (``nohup``, or ``&``
    in a script) stays ignored.
    """

    def __init__(self) -> None:
        self.defers = False
        self.is_requested = False
        self._number = int(signal.SIGINT)
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Interrupt:
        # Only the main thread may set signal handlers; elsewhere (a notebook's worker, a test) all stays as it is.
        if threading.current_thread() is threading.main_thread():
            numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
            heard = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
            self._previous = {number: signal.signal(number, self._note) for number in heard}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, previous in self._previous.items():
            signal.signal(number, previous)

    def release(self) -> None:
        """Stop deferring; a stop that was asked for meanwhile happens now."""
        self.defers = False
        if self.is_requested:
            raise KeyboardInterrupt

    def error(self, directory: Path) -> InterruptedRunError:
        """Return what the run ends with, by the signal that came."""
        name = "Ctrl-C" if self._number == signal.SIGINT else signal.Signals(self._number).name
        kind = InterruptedRunError if self._number == signal.SIGINT else TerminatedRunError
        return kind(f"stopped by {name}", hint=f"continue with: cnnforge run --resume {directory}")

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._number = number
        if not self.defers or self.is_requested:
            raise KeyboardInterrupt
        self.is_requested = True
