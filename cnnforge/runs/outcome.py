"""Writing into a run directory what ended a run before its time."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import contextmanager

from cnnforge.errors import InterruptedRunError, StorageError
from cnnforge.runs.run_dir import RunDir
from cnnforge.system import Interrupt, Reporter


def now() -> str:
    """Return the time as ``run.json`` has it: UTC, ISO 8601, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


@contextmanager
def recorded(directory: RunDir, reporter: Reporter) -> Iterator[Interrupt]:
    """Note in ``run.json``, with a report of what there is, whatever ends the block early; and let it go on.

    Raises:
        InterruptedRunError: A signal ended it: Ctrl-C, SIGTERM or SIGHUP.
    """
    with Interrupt() as interrupt:
        try:
            yield interrupt
        except KeyboardInterrupt:
            stopped = interrupt.error(directory.path)
            _note(directory, reporter, "interrupted", stopped)
            raise stopped from None
        except BaseException as error:
            _note(directory, reporter, "interrupted" if isinstance(error, InterruptedRunError) else "failed", error)
            raise


def _note(directory: RunDir, reporter: Reporter, status: str, error: BaseException) -> None:
    from cnnforge.report import write_report

    try:
        directory.update_run(status=status, error=f"{type(error).__name__}: {error}", finished=now())
        write_report(directory.path)
    except (OSError, StorageError) as second:  # the disk may be what ended the run
        reporter.warn(f"{directory.run} could not be brought up to date: {second}")
