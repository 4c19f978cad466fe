"""Processes that are forked, written down, and killed."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

FAILED = 99
"""The exit code of a forked process whose function raised."""


def forked(function: Callable[[], None], log: Path) -> int:
    """Call a function in a forked process, its output appended to a file; return the process id."""
    process = os.fork()
    if process:
        return process
    with contextlib.suppress(BaseException), log.open("ab", buffering=0) as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
        function()
        os._exit(0)
    os._exit(FAILED)


def ended(process: int, seconds: float | None = None) -> int:
    """Wait for a child's end, and kill it after so many seconds; return its exit code, negative for a signal."""
    deadline = None if seconds is None else time.monotonic() + seconds
    while deadline is not None and time.monotonic() < deadline:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    if deadline is not None:
        os.kill(process, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
