"""A folder's files: listed with one look at each, links only on request, nothing but regular files ever opened."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from cnnforge.errors import DataError
from cnnforge.images.labelled_images import LeftOut
from cnnforge.images.listing import MAX_FILE_BYTES, TOO_LARGE, ImageFile, ImageFiles
from cnnforge.images.names import escape, natural_key, unescape, why_no_photograph, why_not_entered

_WITHOUT_WAITING = getattr(os, "O_NONBLOCK", 0)  # for the writer of a named pipe, which Windows does not know
_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def open_folder(path: Path, *, follow_links: bool = False) -> ImageFiles:
    """Return the files below a folder that may be photographs.

    Raises:
        DataError: The folder cannot be read.
    """
    walk = _Walk(path, follow_links)
    walk.run()
    return ImageFiles.in_order(path, walk.files, walk.left_out, walk.folders, partial(_read_below, path))


def _read_below(root: Path, name: str) -> bytes:
    return read_file(f"{root}/{unescape(name)}")


def read_file(path: str) -> bytes:
    """Return the bytes of a regular file.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no regular file, or too large.
    """
    try:
        with open(path, "rb", opener=lambda path, flags: os.open(path, flags | _WITHOUT_WAITING)) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ValueError("not a regular file")
            if status.st_size > MAX_FILE_BYTES:
                raise ValueError(TOO_LARGE)
            return file.read(status.st_size)
    except OSError as error:
        raise type(error)(_reason(error)) from error


def signature(status: os.stat_result) -> str:
    """Return a text that changes when a file's content does."""
    return f"{status.st_size}-{status.st_mtime_ns}"


@dataclass(slots=True)
class _Walk:
    """One look through a folder. Links wait until all real files are known, so that a real path wins over a link."""

    root: Path
    follow_links: bool
    files: list[ImageFile] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=lambda: [""])
    links: list[str] = field(default_factory=list)
    seen: set[tuple[int, int]] = field(default_factory=set)

    def run(self) -> None:
        try:
            os.scandir(self.root).close()
            self.seen.add(_identity(self.root.stat()))
        except OSError as error:
            raise DataError(f"cannot read the folder {self.root}: {_reason(error)}") from error
        while self.waiting:
            while self.waiting:
                self._list(self.waiting.pop())
            links, self.links = sorted(self.links, key=natural_key), []
            for link in links:
                self._follow(link)

    def _list(self, folder: str) -> None:
        self.folders.append(escape(folder))
        try:
            with os.scandir(self._path(folder)) as entries:
                for entry in entries:
                    self._meet_entry(f"{folder}/{entry.name}" if folder else entry.name, entry)
        except OSError as error:
            self._leave_out(folder, _reason(error), is_fault=True)

    def _meet_entry(self, name: str, entry: os.DirEntry[str]) -> None:
        if entry.is_symlink():
            if self.follow_links:
                self.links.append(name)
            else:
                self._leave_out(name, "a symbolic link, not followed", is_fault=True)
            return
        try:
            # What scandir knows is faster, but on Windows it lacks the identity of the file.
            status = Path(entry.path).stat() if self.follow_links else entry.stat(follow_symlinks=False)
        except OSError as error:
            self._leave_out(name, _reason(error), is_fault=True)
        else:
            self._meet(name, status)

    def _follow(self, link: str) -> None:
        try:
            status = Path(self._path(link)).stat()
        except OSError as error:  # dangling, or a loop of links
            self._leave_out(link, f"a symbolic link that leads nowhere: {_reason(error)}", is_fault=True)
        else:
            self._meet(link, status)

    def _meet(self, name: str, status: os.stat_result) -> None:
        """Take, enter or leave out what is no link, or what a link leads to."""
        is_folder = stat.S_ISDIR(status.st_mode)
        last = name.rpartition("/")[2]
        if reason := why_not_entered(last) if is_folder else why_no_photograph(last):
            self._leave_out(name, reason)
        elif self.follow_links and _identity(status) in self.seen:
            self._leave_out(name, "listed already under another name")
        else:
            if self.follow_links:
                self.seen.add(_identity(status))
            if is_folder:
                self.waiting.append(name)
            else:
                self._take(name, status)

    def _take(self, name: str, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            kind = _KINDS.get(stat.S_IFMT(status.st_mode), "something else")
            self._leave_out(name, f"{kind}, not a regular file", is_fault=True)
        elif status.st_size > MAX_FILE_BYTES:
            self._leave_out(name, TOO_LARGE, is_fault=True)
        else:
            self.files.append(ImageFile(escape(name), signature(status)))

    def _leave_out(self, name: str, reason: str, *, is_fault: bool = False) -> None:
        self.left_out.append(LeftOut(escape(name), reason, is_fault))

    def _path(self, name: str) -> str:
        return f"{self.root}/{name}"


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
