"""The files in a zip archive, read in place; its members are checked before any is read."""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import filelock

from cnnforge.errors import DataError
from cnnforge.images.labelled_images import LeftOut
from cnnforge.images.listing import MAX_FILE_BYTES, TOO_LARGE, ImageFile, ImageFiles
from cnnforge.images.names import hidden_above, why_no_photograph
from cnnforge.images.zip_directory import MAX_MEMBERS, clean_name, open_checked
from cnnforge.system import cache_dir, files

# Members beyond this ratio are left out and members never overlap, so an archive can make us read at most MAX_RATIO
# times its own size (a small member may compress better and costs nothing).
MAX_RATIO = 200
_SMALL = 2**20
_DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, UnicodeError)  # as zipfile says it


class _Member(NamedTuple):
    archive: Path
    name: str
    signature: str


def open_archive(path: Path) -> ImageFiles:
    """Return the files in a zip archive that may be photographs.

    Raises:
        DataError: It cannot be read, is no zip archive, or is refused: encrypted, damaged, unsafe names, links,
            names that appear twice, overlapping members.
    """
    if not path.is_file():
        raise DataError(f"expected a folder or zip archive, received path={path}: neither folder nor regular file")
    contents = _Contents()
    try:
        contents.add_archive(path.absolute(), str(path))
    except OSError as error:
        raise DataError(f"cannot read the archive {path}: {(error.strerror or str(error)).lower()}") from error
    read = ArchiveReader(contents.members, contents.archives)
    return ImageFiles.in_order(path, contents.files, contents.left_out.values(), contents.folders, read)


class ArchiveReader:
    """Reads members of archives by name; every process it is sent to opens the archives again."""

    def __init__(self, members: Mapping[str, _Member], archives: Mapping[Path, ZipFile] | None = None) -> None:
        self._members = members
        self._archives = {(os.getpid(), path): archive for path, archive in (archives or {}).items()}

    def __reduce__(self) -> tuple[Any, ...]:
        return ArchiveReader, (self._members,)

    def __call__(self, name: str) -> bytes:
        """Return the bytes of a member.

        Raises:
            OSError: The archive cannot be read.
            ValueError: The member is damaged, or the archive is another since it was listed.
        """
        member = self._members[name]
        try:
            archive = self._opened(member.archive)
            info = archive.getinfo(member.name)
            with archive.open(info) as file:
                content = file.read(info.file_size + 1)  # without a number, zipfile inflates more than is declared
        except KeyError:
            raise ValueError("no longer in the archive") from None
        except _DAMAGE as error:
            problem = "bad CRC" if "CRC" in str(error) else str(error) or "cut off"
            raise ValueError(f"{problem}: the archive is damaged, download it again") from error
        if _signature(info) != member.signature or len(content) != info.file_size:
            raise ValueError("not what it was when the archive was listed")
        return content

    def _opened(self, path: Path) -> ZipFile:
        key = os.getpid(), path  # a forked process that read with this one's file would move its position
        return self._archives.get(key) or self._archives.setdefault(key, ZipFile(path))


@dataclass(slots=True)
class _Contents:
    """What an archive holds, archives inside it included."""

    files: list[ImageFile] = field(default_factory=list)
    left_out: dict[str, LeftOut] = field(default_factory=dict)
    folders: set[str] = field(default_factory=lambda: {""})
    members: dict[str, _Member] = field(default_factory=dict)
    archives: dict[Path, ZipFile] = field(default_factory=dict)

    def add_archive(self, path: Path, label: str, inside: str = "") -> None:
        """Add the members of an archive; those of an archive within have names that start with its own."""
        self.archives[path] = open_checked(path, label)
        for info in self.archives[path].infolist():
            name = f"{inside}/{clean_name(info)}" if inside else clean_name(info)
            if self._is_looked_at(name, is_folder=info.is_dir()):
                self._add_member(name, info, path, label, is_inner=bool(inside))
        if len(self.members) > MAX_MEMBERS:
            raise DataError(f"expected at most {MAX_MEMBERS:,} files in an archive, received {label} with more")

    def _is_looked_at(self, name: str, *, is_folder: bool) -> bool:
        folder = name if is_folder else name.rpartition("/")[0]
        if hidden := hidden_above(folder) if folder else None:
            self.left_out.setdefault(hidden[0], LeftOut(*hidden))
            return False
        while folder not in self.folders:
            self.folders.add(folder)
            folder = folder.rpartition("/")[0]
        return not is_folder

    def _add_member(self, name: str, info: ZipInfo, path: Path, label: str, *, is_inner: bool) -> None:
        last = name.rpartition("/")[2]
        is_archive = last.lower().endswith(".zip") and not is_inner and not last.startswith(".")
        if not is_archive and (reason := why_no_photograph(last)):
            self.left_out[name] = LeftOut(name, reason)
        elif reason := _fault(info, is_archive=is_archive):
            self.left_out[name] = LeftOut(name, reason, is_fault=True)
        elif is_archive:
            self.folders.add(name)
            self.add_archive(_unpacked(self.archives[path], path, info), f"{label}/{name}", name)
        else:
            self.members[name] = _Member(path, info.filename, _signature(info))
            self.files.append(ImageFile(name, _signature(info)))


def _signature(info: ZipInfo) -> str:
    return f"{info.CRC:08x}-{info.file_size}"


def _fault(info: ZipInfo, *, is_archive: bool) -> str | None:
    if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        return f"compressed by method {info.compress_type}, which is not supported: pack it with deflate"
    if max(info.file_size, info.compress_size) > MAX_FILE_BYTES and not is_archive:
        return TOO_LARGE
    if info.file_size > max(_SMALL, MAX_RATIO * info.compress_size):
        return f"declares {info.file_size:,} bytes in {info.compress_size:,}: a zip bomb"
    return None


def _crc32(path: Path) -> int:
    value = 0
    with path.open("rb") as file:
        while part := file.read(2**20):
            value = zlib.crc32(part, value)
    return value


def _unpacked(archive: ZipFile, path: Path, info: ZipInfo) -> Path:
    """Return a copy of an archive inside an archive in the cache, which is made once."""
    status = path.stat()
    identity = f"{path}\0{status.st_size}\0{status.st_mtime_ns}\0{info.filename}\0{_signature(info)}"
    digest = hashlib.sha256(identity.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    copy = cache_dir() / "archives" / f"{digest}.zip"
    with files.storage_errors(copy.parent):
        copy.parent.mkdir(parents=True, exist_ok=True)
    with files.storage_errors(copy.parent), filelock.FileLock(copy.with_suffix(".lock")):
        if copy.is_file() and copy.stat().st_size == info.file_size and _crc32(copy) == info.CRC:
            return copy
        free = shutil.disk_usage(copy.parent).free
        if info.file_size > free:
            raise DataError(
                f"expected {info.file_size:,} bytes of space in {copy.parent} for {info.filename} in {path},"
                f" received {free:,}",
                hint="unpack the archive and give the folder, or set CNNFORGE_CACHE_DIR to a larger disk",
            )
        try:
            with files.replacing(copy) as temporary, archive.open(info) as source, temporary.open("wb") as target:
                shutil.copyfileobj(source, target, 2**20)
        except _DAMAGE as error:
            raise DataError(
                f"cannot read an archive inside the archive: {info.filename} in {path} is damaged", hint=str(error)
            ) from error
    return copy
