"""The table of contents of a zip archive, checked before any member is read."""

from __future__ import annotations

import os
import posixpath
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from zipfile import ZipInfo

from cnnforge.errors import DataError

MAX_MEMBERS = 1_000_000

_END_SIGNATURE = b"PK\x05\x06"
_LONGEST_END = 22 + 65535  # the end record, and the longest comment behind it
_DRIVE = re.compile(r"[A-Za-z]:")
_UNPACK = "unpack it and give the folder, or pack the photographs as a zip archive"
_AGAIN = "the archive is damaged: download it again"
_SIGNATURES = (
    (b"\x1f\x8b", "a gzip (.tar.gz) archive", _UNPACK),
    (b"BZh", "a bzip2 (.tar.bz2) archive", _UNPACK),
    (b"\xfd7zXZ", "an xz (.tar.xz) archive", _UNPACK),
    (b"Rar!", "a RAR archive", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNPACK),
    (b"PK", "a zip archive that is cut off", _AGAIN),
)


def open_checked(path: Path, label: str) -> zipfile.ZipFile:
    """Return a zip archive, open, after the checks that need no reading of members.

    Args:
        path: The archive.
        label: What messages call it.

    Raises:
        OSError: It cannot be opened.
        DataError: It is no zip archive, or cut off, damaged, encrypted, too large or unsafe.
    """
    with path.open("rb") as file:
        try:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _LONGEST_END))
            end = file.read()
            if _END_SIGNATURE not in end:
                file.seek(0)
                raise _no_zip(file.read(512), label)
            _check_count(end, label)
            archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError, OSError, struct.error) as error:
            raise DataError(f"cannot read the zip archive {label}: {error}", hint=_AGAIN) from error
    try:
        _check_members(archive.infolist(), label)
        _check_overlaps(archive.infolist(), archive.start_dir, label)
    except DataError:
        archive.close()
        raise
    return archive


def clean_name(member: ZipInfo) -> str:
    """Return a member's name as it was meant, without ``./`` and doubled slashes."""
    return posixpath.normpath(_meant_name(member))


def _meant_name(member: ZipInfo) -> str:
    """Return a member's name: without a flag that says UTF-8, Info-ZIP's field for it, else UTF-8, else code page 437.

    APPNOTE.TXT, 4.6.9 and appendix D. Most programs that set no flag write UTF-8 all the same.
    """
    if member.flag_bits & 0x800 or (member.orig_filename.isascii() and not member.extra):
        return member.orig_filename
    raw = member.orig_filename.encode("cp437")
    try:
        return (_unicode_path(member.extra, raw) or raw).decode()
    except UnicodeDecodeError:
        return member.orig_filename


def _unicode_path(extra: bytes, raw: bytes) -> bytes | None:
    """Return the name in the extra field 0x7075, if there is one and it belongs to this name and no earlier one."""
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        value, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == 0x7075 and value[:5] == struct.pack("<BL", 1, zlib.crc32(raw)):
            return value[5:]
    return None


def _no_zip(start: bytes, label: str) -> DataError:
    for signature, kind, hint in _SIGNATURES:
        if start.startswith(signature):
            return DataError(f"expected a folder or zip archive, received {label}: {kind}", hint=hint)
    if start[257:262] == b"ustar":
        return DataError(f"expected a folder or zip archive, received {label}: a tar archive", hint=_UNPACK)
    if start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
        kind = "a web page, such as a login or error page saved under that name"
        return DataError(f"expected a folder or zip archive, received {label}: {kind}", hint="download it again")
    kind = "a plain file" if start else "an empty file"
    return DataError(
        f"expected a folder or zip archive, received {label}: {kind}", hint="give the folder that holds the photographs"
    )


def _check_count(end: bytes, label: str) -> None:
    """Refuse a table of contents that would fill the memory, before it is read."""
    at = end.rindex(_END_SIGNATURE)
    count, size = struct.unpack_from("<HI", end, at + 10)
    if count == 0xFFFF or size == 0xFFFFFFFF:  # the true number stands in the 64-bit record, right before
        zip64 = end.rfind(b"PK\x06\x06", 0, at)
        count = struct.unpack_from("<Q", end, zip64 + 32)[0] if zip64 >= 0 else count
    if count > MAX_MEMBERS:
        raise DataError(
            f"expected at most {MAX_MEMBERS:,} files in an archive, received {label} with {count:,}", _UNPACK
        )


def _check_members(members: Iterable[ZipInfo], label: str) -> None:
    seen: dict[str, str] = {}
    stored: set[str] = set()
    for member in members:
        name = _meant_name(member)
        if problem := _unsafe_name(name) or _unsafe_kind(member):
            raise DataError(f"refused the zip archive {label}: member {name!r} {problem}", hint=_UNPACK)
        folded = clean_name(member)
        folded = folded.lower() if folded.isascii() else unicodedata.normalize("NFC", folded.casefold())
        if (folded in seen or member.filename in stored) and not member.is_dir():
            raise DataError(
                f"refused the zip archive {label}: members {seen.get(folded, name)!a} and {name!a} have one name, but"
                " for letter case and Unicode's forms at most",
                hint=_UNPACK,
            )
        seen.setdefault(folded, name)
        stored.add(member.filename)  # by which a member is read


def _unsafe_name(name: str) -> str | None:
    if "\\" in name:
        return "has a backslash in its name"
    if "\0" in name or not name:
        return "has no valid name"
    if name.startswith("/") or _DRIVE.match(name):
        return "has an absolute path"
    return "leads out of the archive" if ".." in name.split("/") else None


def _unsafe_kind(member: ZipInfo) -> str | None:
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link" if kind == stat.S_IFLNK else "is a device"
    return "is encrypted" if member.flag_bits & 0x41 else None


def _check_overlaps(members: Iterable[ZipInfo], directory_start: int, label: str) -> None:
    """Refuse members that share bytes: that is how a small archive claims to hold terabytes."""
    end, previous = 0, ""
    for member in sorted(members, key=lambda m: m.header_offset):
        if member.header_offset < end:
            raise DataError(
                f"refused the zip archive {label}: members {previous!r} and {member.filename!r} overlap (a zip bomb)"
            )
        end = member.header_offset + 30 + len(member.orig_filename) + member.compress_size
        previous = member.filename
    if end > directory_start:
        raise DataError(f"cannot read the zip archive {label}: member {previous!r} is cut off", hint=_AGAIN)
