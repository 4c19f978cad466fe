"""The console script: runs the application and turns every error into a message and an exit code."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
import traceback
from collections.abc import Iterator
from typing import TextIO

from cnnforge.cli.app import app
from cnnforge.errors import CnnforgeError, InterruptedRunError, StorageError
from cnnforge.host import FILES_SWITCH, plugin_file
from cnnforge.interface import PlainStream, registry
from cnnforge.system import one_line

TRACEBACK_FLAG = "--traceback"
PLUGIN_FLAG = "--plugin"
_REFUSALS = {errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOMEM, errno.EMFILE, errno.ENFILE}


def main() -> None:
    """Run the command line and exit with the code that ``cnnforge.errors`` gives."""
    _accept_any_encoding(sys.stdout)
    with _plain_stream("stdout"), _plain_stream("stderr"):
        _run()


@contextlib.contextmanager
def _plain_stream(name: str) -> Iterator[None]:
    """Make one of the standard streams a plain one, unless it is closed."""
    before = getattr(sys, name)
    plain = before and PlainStream(before)
    setattr(sys, name, plain)
    try:
        yield
    finally:
        if getattr(sys, name) is plain:  # else it is what Click puts in the place of one that nobody reads any longer
            setattr(sys, name, before)


def _run() -> None:
    arguments, files = _split(sys.argv[1:])
    is_traced = TRACEBACK_FLAG in arguments
    try:
        with _plugin_files(files):
            # Ends with SystemExit, also on Ctrl-C and on `| head`.
            app(args=[argument for argument in arguments if argument != TRACEBACK_FLAG], prog_name="cnnforge")
    except Exception as caught:
        error = _in_words(caught)
        _report(error, with_traceback=is_traced)
        if isinstance(error, InterruptedRunError):
            _leave_at_once(error.exit_code)
        sys.exit(error.exit_code if isinstance(error, CnnforgeError) else 1)


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Return the arguments without ``--plugin FILE``, wherever that stands, and the files."""
    rest: list[str] = []
    files: list[str] = []
    waiting = iter(arguments)
    for argument in waiting:
        name, equals, value = argument.partition("=")
        if argument == "--":
            rest += [argument, *waiting]
        elif name == PLUGIN_FLAG and equals:
            files.append(value)
        elif name == PLUGIN_FLAG and (following := next(waiting, None)) is not None:
            files.append(following)
        else:
            rest.append(argument)
    return rest, files


@contextlib.contextmanager
def _plugin_files(names: list[str]) -> Iterator[None]:
    """Have this process, and those it starts, take files for plugins.

    Raises:
        RecipeError: One of them is no Python file.
    """
    before = os.environ.get(FILES_SWITCH)
    paths = [plugin_file(name) for name in names]
    if paths:
        registry.cache_clear()
        os.environ[FILES_SWITCH] = os.pathsep.join([*filter(None, [before]), *map(str, paths)])
    try:
        yield
    finally:
        if paths:
            registry.cache_clear()
            os.environ.pop(FILES_SWITCH)
            os.environ.update({} if before is None else {FILES_SWITCH: before})


def _leave_at_once(code: int) -> None:
    """End the process without TensorFlow's farewell.

    It waits many seconds for batches that nobody will train on, and who sent the signal may not wait. All is saved.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _in_words(error: Exception) -> Exception:
    """Return what the system refuses, wherever that was noticed, as an error that says so."""
    if isinstance(error, MemoryError) or (isinstance(error, ImportError) and "failed to map" in str(error)):
        hint = "close other programs, raise `ulimit -v`, or make batches smaller: --set training.batch_size=8"
        said = StorageError(f"expected more memory than this process may have, received: {error or 'none'}", hint)
    elif isinstance(error, OSError) and error.errno in _REFUSALS:
        said = StorageError(
            f"cannot use {error.filename or 'a file'}: {error.strerror}",
            "free some space, or choose another folder you may write to",
        )
    else:
        return error
    said.__cause__ = error
    return said


def _report(error: Exception, *, with_traceback: bool) -> None:
    if with_traceback:
        traceback.print_exception(error)
    message, hint = str(error), getattr(error, "hint", None)
    if not isinstance(error, CnnforgeError):
        message = f"internal error: {type(error).__name__}: {message}"
        hint = None if with_traceback else f"run again with {TRACEBACK_FLAG} and report it"
    indented = message.replace("\n", "\n       ")
    lines = [f"error: {indented}", *([f"  → {one_line(hint)}"] if hint else [])]
    sys.stderr.write("\n".join(lines) + "\n")


def _accept_any_encoding(stream: TextIO | None) -> None:
    """Let a terminal that knows no arrows show a question mark instead of ending the program."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")
