"""Every error that CNNForge raises on purpose.

::

    CnnforgeError                 1   a fault that fits nothing below
    ├── RecipeError               2   a recipe, an option or a command line is wrong
    │   └── UnknownNameError      2   nothing of that name is installed
    ├── DataError                 3   the photographs cannot be used as they are
    ├── PluginError               4   a plugin is broken or breaks its contract
    │   └── NameConflictError     4   two plugins claim one name
    ├── TrainingError             5   training cannot go on
    │   └── TrainingDivergedError 5   the loss is no longer a finite number
    ├── StorageError              6   a file or folder cannot be written
    ├── UnsafeFileError           7   a file is refused because loading it could do harm
    ├── BusyError                 8   another process owns the run directory or the store
    ├── ExportError               9   a network cannot be exported, or says something else then
    └── InterruptedRunError     130   Ctrl-C; everything up to here is saved
        └── TerminatedRunError  143   SIGTERM or SIGHUP; everything up to here is saved

The number is the exit code of the command line. A message says what was expected, what was received
(``name=value``) and what to do next; ``hint`` is that last part where it stands on a line of its own.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class CnnforgeError(Exception):
    """Base of all errors raised on purpose.

    Args:
        message: What was expected and what was received.
        hint: What to do next, shown on a line of its own.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class RecipeError(CnnforgeError):
    """A recipe, an option or a command line is wrong."""

    exit_code = 2


class UnknownNameError(RecipeError):
    """Nothing of that name is installed."""


class DataError(CnnforgeError):
    """The photographs cannot be used as they are."""

    exit_code = 3


class PluginError(CnnforgeError):
    """A plugin is broken or breaks its contract."""

    exit_code = 4


class NameConflictError(PluginError):
    """Two plugins claim one name."""


class TrainingError(CnnforgeError):
    """Training cannot go on."""

    exit_code = 5


class TrainingDivergedError(TrainingError):
    """The loss is no longer a finite number."""


class StorageError(CnnforgeError):
    """A file or folder cannot be written."""

    exit_code = 6


class UnsafeFileError(CnnforgeError):
    """A file is refused because loading it could do harm."""

    exit_code = 7


class BusyError(CnnforgeError):
    """Another process owns the run directory or the store."""

    exit_code = 8


class ExportError(CnnforgeError):
    """A network cannot be exported, or what was exported does not say what the network says."""

    exit_code = 9


class InterruptedRunError(CnnforgeError):
    """The run was stopped by Ctrl-C after saving."""

    exit_code = 130


class TerminatedRunError(InterruptedRunError):
    """The run was stopped by SIGTERM or SIGHUP after saving."""

    exit_code = 143


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the closest known name, or an empty string."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" Did you mean '{close[0]}'?" if close else ""
