"""The files in a zip archive, read in place; its members are checked before any is read."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipInfo

from cnnforge.errors import DataError
from cnnforge.images.byte_ranges import Bytes, FileBytes, Inflated, Part
from cnnforge.images.labelled_images import LeftOut
from cnnforge.images.listing import MAX_FILE_BYTES, TOO_LARGE, ImageFile, ImageFiles
from cnnforge.images.names import escape, hidden_above, natural_key, why_no_photograph
from cnnforge.images.zip_directory import MAX_MEMBERS, clean_name, read_directory

# Members beyond this ratio are left out and members never overlap, so an archive can make us read at most MAX_RATIO
# times its own size (a small member may compress better and costs nothing).
MAX_RATIO = 200
_SMALL = 2**20
_HEADER = struct.Struct("<4s22xHH")
_HEADER_SIGNATURE = b"PK\x03\x04"
_USUAL_HEADER = 286  # local header with name and extra fields; a longer one costs a second read


class _Member(NamedTuple):
    source: Bytes
    offset: int
    stored_size: int
    size: int
    crc: int
    is_deflated: bool


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
        source = FileBytes(path)
        source.read_at(0, 1)  # what may not be read is told from what is damaged
    except OSError as error:
        raise DataError(f"cannot read the archive {path}: {(error.strerror or str(error)).lower()}") from error
    contents.add_archive(source, str(path))
    return ImageFiles(
        files=tuple(sorted(contents.files, key=lambda file: natural_key(file.name))),
        left_out=tuple(sorted(contents.left_out.values(), key=lambda left: natural_key(left.name))),
        folders=tuple(sorted(contents.folders, key=natural_key)),
        location=escape(str(path)),
        read=ArchiveReader(contents.members),
    )


@dataclass(frozen=True, slots=True)
class ArchiveReader:
    """Reads members of an archive, and of the archives in it, by name."""

    members: Mapping[str, _Member]

    def __call__(self, name: str) -> bytes:
        """Return the bytes of a member.

        Raises:
            OSError: The archive cannot be read.
            ValueError: The member is damaged.
        """
        member = self.members[name]
        content = _read_stored(member)
        if member.is_deflated:
            content = _inflate(content, member.size)
        if len(content) != member.size or zlib.crc32(content) != member.crc:
            raise ValueError("bad CRC: the archive is damaged, download it again")
        return content


def _read_stored(member: _Member) -> bytes:
    """Return the bytes of a member as they are stored, with one read where its header is no longer than usual."""
    block = member.source.read_at(member.offset, _USUAL_HEADER + member.stored_size)
    start = _header_size(block)
    end = start + member.stored_size
    return block[start:end] if end <= len(block) else member.source.read_at(member.offset + start, member.stored_size)


def _header_size(block: bytes) -> int:
    if len(block) < _HEADER.size or not block.startswith(_HEADER_SIGNATURE):
        raise ValueError("no member where the archive says: it is damaged, download it again")
    _, name_length, extra_length = _HEADER.unpack_from(block)
    return _HEADER.size + int(name_length) + int(extra_length)


def _inflate(content: bytes, size: int) -> bytes:
    try:
        # One byte more than declared shows a member that holds more than it says; the CRC check follows.
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, size + 1)
    except zlib.error as error:
        raise ValueError(f"damaged: {error}") from error


@dataclass(slots=True)
class _Contents:
    """What an archive holds, archives inside it included."""

    files: list[ImageFile] = field(default_factory=list)
    left_out: dict[str, LeftOut] = field(default_factory=dict)
    folders: set[str] = field(default_factory=lambda: {""})
    members: dict[str, _Member] = field(default_factory=dict)

    def add_archive(self, source: Bytes, label: str, inside: str = "") -> None:
        """Add the members of an archive; those of an archive within have names that start with its own."""
        for info in read_directory(source, label):
            name = f"{inside}/{clean_name(info)}" if inside else clean_name(info)
            member = _Member(
                source,
                info.header_offset,
                info.compress_size,
                info.file_size,
                info.CRC,
                info.compress_type == ZIP_DEFLATED,
            )
            if self._is_looked_at(name, is_folder=info.is_dir()):
                self._add_member(name, info, member, label, is_inner=bool(inside))
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

    def _add_member(self, name: str, info: ZipInfo, member: _Member, label: str, *, is_inner: bool) -> None:
        last = name.rpartition("/")[2]
        is_archive = last.lower().endswith(".zip") and not is_inner and not last.startswith(".")
        if not is_archive and (reason := why_no_photograph(last)):
            self.left_out[name] = LeftOut(name, reason)
        elif reason := _fault(info, is_archive=is_archive):
            self.left_out[name] = LeftOut(name, reason, is_fault=True)
        elif is_archive:
            self.folders.add(name)
            self.add_archive(_content(member), f"{label}/{name}", name)
        else:
            self.members[name] = member
            self.files.append(ImageFile(name, f"{info.CRC:08x}-{info.file_size}"))


def _fault(info: ZipInfo, *, is_archive: bool) -> str | None:
    if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        return f"compressed by method {info.compress_type}, which is not supported: pack it with deflate"
    if max(info.file_size, info.compress_size) > MAX_FILE_BYTES and not is_archive:
        return TOO_LARGE
    if info.file_size > max(_SMALL, MAX_RATIO * info.compress_size):
        return f"declares {info.file_size:,} bytes in {info.compress_size:,}: a zip bomb"
    return None


def _content(member: _Member) -> Bytes:
    """Return the content of a member for random access, without unpacking it."""
    try:
        start = member.offset + _header_size(member.source.read_at(member.offset, _HEADER.size))
    except ValueError as error:
        raise DataError(f"cannot read an archive inside the archive: {error}") from error
    stored = Part(member.source, start, member.stored_size)
    return Inflated(stored, member.size) if member.is_deflated else stored
