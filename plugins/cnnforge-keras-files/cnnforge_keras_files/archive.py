"""The archive that a ``.keras`` file is: three members, no larger than they say."""

from __future__ import annotations

import shutil
import zipfile
import zlib
from pathlib import Path
from zipfile import ZipInfo

from cnnforge.errors import DataError
from cnnforge.images import open_checked

CONFIGURATION, WEIGHTS = "config.json", "model.weights.h5"

_MAX_BYTES = {"metadata.json": 2**16, CONFIGURATION: 2**22, WEIGHTS: 2**32}
_MAX_RATIO = 200  # Keras does not compress, but an archive may have been packed anew
_SMALL = 2**20
_OTHER_FORMATS = {
    b"\x89HDF": "an HDF5 file, in which Keras does not check layers",
    b"\x80": "a pickle file, which can run anything",
}


def unpack(path: Path, folder: Path) -> bytes:
    """Copy the weights in a ``.keras`` file into a folder, and return its description of the network.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is no such archive, or is damaged or unsafe.
    """
    if path.is_dir():
        raise ValueError("a folder")
    with path.open("rb") as file:
        _check_start(file.read(4))
    try:
        with open_checked(path, path.name) as archive:
            _check({member.filename: member for member in archive.infolist()})
            with archive.open(WEIGHTS) as weights, (folder / WEIGHTS).open("wb") as copy:
                shutil.copyfileobj(weights, copy)
            with archive.open(CONFIGURATION) as configuration:
                return configuration.read(_MAX_BYTES[CONFIGURATION])
    except (DataError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:  # of flags that are not known
        raise ValueError(str(error) or "it is cut off") from error  # EOFError says nothing


def _check_start(start: bytes) -> None:
    if not start.startswith(b"PK"):
        known = [kind for magic, kind in _OTHER_FORMATS.items() if start.startswith(magic)]
        raise ValueError(known[0] if known else "another kind of file" if start else "an empty file")


def _check(members: dict[str, ZipInfo]) -> None:
    if missing := sorted({CONFIGURATION, WEIGHTS} - members.keys()):
        raise ValueError(f"it has no {missing[0]}")
    if more := sorted(members.keys() - _MAX_BYTES.keys()):
        raise ValueError(f"it has a member {more[0]!r}; layers that read files of their own are refused")
    for name, member in members.items():
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"its {name} is compressed by method {member.compress_type}")
        if member.file_size > _MAX_BYTES[name]:
            raise ValueError(f"its {name} has {member.file_size:,} bytes, expected at most {_MAX_BYTES[name]:,}")
        if member.file_size > max(_SMALL, _MAX_RATIO * member.compress_size):
            raise ValueError(f"its {name} has {member.file_size:,} bytes in {member.compress_size:,}: a zip bomb")
