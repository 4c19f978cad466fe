"""The console script: runs the application and turns every error into a message and an exit code."""

from __future__ import annotations

import io
import os
import sys
import traceback
from typing import TextIO

from cnnforge.cli.app import app
from cnnforge.errors import CnnforgeError, InterruptedRunError

TRACEBACK_FLAG = "--traceback"


def main() -> None:
    """Run the command line and exit with the code that ``cnnforge.errors`` gives."""
    _accept_any_encoding(sys.stdout)
    arguments = [argument for argument in sys.argv[1:] if argument != TRACEBACK_FLAG]
    try:
        app(args=arguments, prog_name="cnnforge")  # ends with SystemExit, also on Ctrl-C and on `| head`
    except Exception as error:
        _report(error, with_traceback=len(arguments) < len(sys.argv) - 1)
        if isinstance(error, InterruptedRunError):
            _leave_at_once(error.exit_code)
        sys.exit(error.exit_code if isinstance(error, CnnforgeError) else 1)


def _leave_at_once(code: int) -> None:
    """End the process without TensorFlow's farewell.

    It waits many seconds for batches that nobody will train on, and who sent the signal may not wait. All is saved.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _report(error: Exception, *, with_traceback: bool) -> None:
    if with_traceback:
        traceback.print_exception(error)
    message, hint = str(error), getattr(error, "hint", None)
    if not isinstance(error, CnnforgeError):
        message = f"internal error: {type(error).__name__}: {message}"
        hint = None if with_traceback else f"run again with {TRACEBACK_FLAG} and report it"
    indented = message.replace("\n", "\n       ")
    lines = [f"error: {indented}", *([f"  → {hint}"] if hint else [])]
    sys.stderr.write("\n".join(lines) + "\n")


def _accept_any_encoding(stream: TextIO | None) -> None:
    """Let a terminal that knows no arrows show a question mark instead of ending the program."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")
