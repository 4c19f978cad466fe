"""Who writes into a run directory, and whether anybody does."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import filelock

from cnnforge.errors import BusyError
from cnnforge.runs.run_dir import RunDir
from cnnforge.system import files

_QUIET_SECONDS = 24 * 3600.0  # without a lock to ask, a run counts as running until this long after its last write


@contextmanager
def hold_run(run_dir: RunDir) -> Iterator[None]:
    """Keep every other process from writing into a run directory; the lock of a process that died is free.

    Raises:
        BusyError: Another process holds it.
        StorageError: The folder cannot be written to.
    """
    lock = filelock.FileLock(run_dir.lock, timeout=0)
    with files.storage_errors(run_dir.lock):
        try:
            lock.acquire()
        except filelock.Timeout:
            owner = run_dir.read_run().get("process", {})
            raise BusyError(
                f"expected a run directory that nobody writes into, received {run_dir.path}, which process"
                f" {owner.get('pid')} on {owner.get('host')} is writing into",
                hint="wait until it is done, or stop it; it saves first",
            ) from None
    try:
        run_dir.update_run(process={"pid": os.getpid(), "host": socket.gethostname()})
        yield
    finally:
        lock.release()


def is_running(directory: RunDir) -> bool:
    """Return whether a process may be writing into a run directory this moment."""
    lock = filelock.FileLock(directory.lock, timeout=0)
    if not directory.lock.exists():
        newest = max(path.lstat().st_mtime for path in (directory.path, *directory.path.rglob("*")))
        return time.time() - newest < _QUIET_SECONDS
    try:
        with lock:
            return False
    except filelock.Timeout:
        return True
    except OSError:  # a folder that may only be read: what cannot be asked is taken for running
        return True
