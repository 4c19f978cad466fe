"""Faults while a process writes: at the n-th thing it does to a file, it is killed, or told that the disk fails.

What Python code does to files goes through functions that are replaced here: opening, writing (piece by piece),
syncing, renaming, removing, making folders. What libraries in C write by themselves is not seen.
"""

from __future__ import annotations

import builtins
import contextlib
import errno
import io
import os
import signal
import stat
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

_OS: dict[str, Any] = {
    name: getattr(os, name) for name in ("fsync", "replace", "rename", "unlink", "remove", "truncate", "mkdir", "open")
}
_IO_OPEN: Any = io.open

KINDS = ("killed before", "killed within", "power cut", "disk full", "input/output error")


class Disk:
    """Counts what is done to files below a folder, and brings one fault about.

    Args:
        folder: Only what lies in it counts.
        at: The number of the event that goes wrong; None only counts.
        kind: One of :data:`KINDS`.
        piece: Bytes that one write takes at most, so that a file is written in several.
    """

    def __init__(self, folder: Path, at: int | None = None, kind: str = KINDS[0], piece: int = 1 << 30) -> None:
        self.folder = str(folder)
        self.at = at
        self.kind = kind
        self.piece = piece
        self.count = 0
        self.num_bytes = 0
        self._is_full = False
        self._unsynced: dict[int, tuple[int, int]] = {}  # inode: a handle, and the bytes that are on the disk
        self._renames: list[tuple[str, str, str | None]] = []  # from, to, and what stood there before

    def event(self, done: Callable[[], Any], half: Callable[[], Any] | None = None, *, takes_room: bool = True) -> Any:
        """Do something to a file, unless this is the moment of the fault."""
        self.count += 1
        is_now = self.count - 1 == self.at
        if self._is_full and takes_room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if not is_now:
            return done()
        if self.kind == "killed before":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.kind in {"killed within", "power cut"}:
            (half or done)()
            if self.kind == "power cut":
                self._forget_what_is_not_synced()
            os.kill(os.getpid(), signal.SIGKILL)
        self._is_full = self.kind == "disk full"
        if self._is_full and not takes_room:
            return done()
        if half is not None:
            half()
        number = errno.ENOSPC if self._is_full else errno.EIO
        raise OSError(number, os.strerror(number))

    def is_ours(self, path: Any) -> bool:
        return isinstance(path, str | os.PathLike) and str(Path(path).absolute()).startswith(self.folder)

    def opened(self, handle: int, length: int) -> None:
        """Remember a file that is written to, and how much of it is on the disk."""
        self._unsynced.setdefault(os.fstat(handle).st_ino, (os.dup(handle), length))

    def synced(self, handle: int) -> None:
        """Note that a file, or the renames in a folder, are on the disk."""
        found = os.fstat(handle)
        if stat.S_ISDIR(found.st_mode):
            self._renames.clear()
        elif found.st_ino in self._unsynced:
            self._unsynced[found.st_ino] = (self._unsynced[found.st_ino][0], found.st_size)

    def renaming(self, source: Any, target: Any) -> None:
        """Keep what a rename replaces, since only a synced folder is sure to forget it."""
        before = None
        if Path(target).is_file():
            before = f"{self.folder}.before-{self.count}"  # outside, where nobody looks
            os.link(target, before)
        self._renames.append((os.fspath(source), os.fspath(target), before))

    def _forget_what_is_not_synced(self) -> None:
        for handle, length in self._unsynced.values():
            if os.fstat(handle).st_size > length:
                os.ftruncate(handle, length)
        for source, target, before in reversed(self._renames):
            if Path(target).exists():
                _OS["rename"](target, source)
            if before is not None:
                _OS["rename"](before, target)


class _Raw(io.FileIO):
    """A file whose writes are events, each of a few bytes."""

    disk: Disk

    def write(self, content: Any) -> int:
        piece = memoryview(content).cast("B")[: self.disk.piece]
        half = piece[: len(piece) // 2]
        self.disk.num_bytes += len(piece)
        written: int = self.disk.event(
            lambda: super(_Raw, self).write(piece), half=lambda: super(_Raw, self).write(half)
        )
        return written


@contextlib.contextmanager
def failing(disk: Disk) -> Iterator[Disk]:
    """Let everything that is done to files go through a disk."""
    replaced = {
        (os, "fsync"): partial(_fsync, disk),
        (os, "replace"): partial(_move, disk, "replace"),
        (os, "rename"): partial(_move, disk, "rename"),
        (os, "unlink"): partial(_act, disk, "unlink"),
        (os, "remove"): partial(_act, disk, "remove"),
        (os, "truncate"): partial(_act, disk, "truncate"),
        (os, "mkdir"): partial(_act, disk, "mkdir"),
        (os, "open"): partial(_open_handle, disk),
        (io, "open"): partial(_open, disk),
        (builtins, "open"): partial(_open, disk),
    }
    saved = {(module, name): getattr(module, name) for module, name in replaced}
    try:
        for (module, name), function in replaced.items():
            setattr(module, name, function)
        yield disk
    finally:
        for (module, name), function in saved.items():
            setattr(module, name, function)


def _fsync(disk: Disk, handle: Any) -> None:
    number = handle if isinstance(handle, int) else handle.fileno()
    disk.event(lambda: (_OS["fsync"](number), disk.synced(number)))


def _move(disk: Disk, name: str, source: Any, target: Any, **more: Any) -> None:
    if not disk.is_ours(source):
        return _OS[name](source, target, **more)
    return disk.event(lambda: (disk.renaming(source, target), _OS[name](source, target, **more)))


def _act(disk: Disk, name: str, path: Any, *arguments: Any, **more: Any) -> None:
    if not disk.is_ours(path):
        return _OS[name](path, *arguments, **more)
    return disk.event(lambda: _OS[name](path, *arguments, **more), takes_room=name == "mkdir")


def _open_handle(disk: Disk, path: Any, flags: int, *arguments: Any, **more: Any) -> int:
    if not disk.is_ours(path) or not flags & os.O_CREAT:
        return int(_OS["open"](path, flags, *arguments, **more))
    return int(disk.event(lambda: _OS["open"](path, flags, *arguments, **more)))


def _open(disk: Disk, path: Any, mode: str = "r", buffering: int = -1, *arguments: Any, **more: Any) -> Any:
    if not set(mode) & set("wax+") or not disk.is_ours(path):
        return _IO_OPEN(path, mode, buffering, *arguments, **more)
    return disk.event(lambda: _open_for_writing(disk, path, mode, *arguments, **more))


def _open_for_writing(
    disk: Disk, path: Any, mode: str, encoding: Any = None, errors: Any = None, newline: Any = None
) -> Any:
    plain = mode.replace("b", "").replace("t", "").replace("+", "")
    raw = type("Raw", (_Raw,), {"disk": disk})(os.fspath(path), f"{plain}+")
    disk.opened(raw.fileno(), os.fstat(raw.fileno()).st_size)
    buffered = io.BufferedRandom(raw)  # into a BufferedWriter NumPy would write behind our back
    return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding, errors, newline)
