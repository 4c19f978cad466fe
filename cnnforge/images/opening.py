"""What a path stands for: the files of a folder or archive, listed once and read in place, or images of any kind."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING

from cnnforge.errors import DataError
from cnnforge.images.folder import open_folder, read_file, signature
from cnnforge.images.listing import MAX_FILE_BYTES, ImageFiles
from cnnforge.images.names import escape, unescape
from cnnforge.system import expanded

if TYPE_CHECKING:
    import numpy as np

STANDARD_INPUT = "-"

_BINARY_START = 64  # bytes: an image has a zero among its first, a list of paths has none
_LONGEST_LINE = 2**16


def open_files(path: Path, *, follow_links: bool = False) -> ImageFiles:
    """Return the files of a folder or of a zip archive that may be photographs.

    Content decides what is an image, so a file is listed whatever its extension, unless it plainly is something else
    (``Thumbs.db``, ``notes.txt``). An archive is read in place. A zip archive inside it is looked into, one level deep,
    and is unpacked once into the cache.

    Args:
        path: The folder or archive; ``~`` is the home folder.
        follow_links: Follow symbolic links in a folder, each real file once.

    Raises:
        DataError: There is no such path, it cannot be read, or the archive is damaged or unsafe.
    """
    path = expanded(path)
    try:
        is_folder = path.is_dir()
        if not is_folder and not path.exists():
            raise DataError(
                f"expected a folder or zip archive, received path={path}, which does not exist",
                hint="check the spelling of --data",
            )
    except (OSError, ValueError) as error:  # a name with a null character, a folder one may not enter
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"expected a folder or zip archive, received path={str(path)!r}: {reason}") from error
    if is_folder:
        return open_folder(path, follow_links=follow_links)
    from cnnforge.images.archive import open_archive  # not needed for folders, and not free

    return open_archive(path)


@dataclass(frozen=True, slots=True)
class GivenImage:
    """A file that may be an image.

    Args:
        name: As the user would write it.
        read: Returns its bytes, or its pixels, uint8 (height, width, channels);
            raises ``OSError`` or ``ValueError`` with a short reason where that fails.
        place: Its absolute path, with ``/``, or that of its archive and its name in there; empty if it has none.
        signature: A text that changes when its content does, the same that data sources give.
    """

    name: str
    read: Callable[[], bytes | np.ndarray]
    place: str = ""
    signature: str = ""


def given_images(paths: Iterable[str], standard_input: BufferedReader) -> Iterator[GivenImage]:
    """Yield the images that paths stand for, one path after the other.

    Args:
        paths: Files, folders and zip archives (as :func:`cnnforge.open_files` lists them), patterns such as ``*.jpg``,
            and ``-``: paths from standard input, one a line, or one image.
        standard_input: What ``-`` reads.

    What cannot be opened is yielded too; reading it says why. Files in folders and archives that plainly are no
    photographs are passed over; links in folders are followed, each real file once.
    """
    for path in paths:
        yield from _from_stream(standard_input) if path == STANDARD_INPUT else _at(path)


def _from_stream(stream: BufferedReader) -> Iterator[GivenImage]:
    if b"\0" in stream.peek(_BINARY_START)[:_BINARY_START]:
        content = stream.read(MAX_FILE_BYTES + 1)  # one more than is accepted, so that more is refused
        yield GivenImage(STANDARD_INPUT, lambda: content)
        return
    while line := stream.readline(_LONGEST_LINE):
        if path := os.fsdecode(line.rstrip(b"\r\n")):
            yield from _at(path)


def _at(path: str) -> Iterator[GivenImage]:
    target = expanded(path)
    try:
        status = target.stat()
    except (OSError, ValueError) as error:
        matches = sorted(glob.glob(str(target), recursive=True)) if glob.has_magic(path) else []  # noqa: PTH207
        yield from (image for match in matches for image in _at(match))
        if not matches:
            yield GivenImage(escape(path), partial(_refuse, error))
        return
    if not stat.S_ISDIR(status.st_mode) and target.suffix.lower() != ".zip":
        yield _file(str(target), status)
        return
    try:
        files = open_files(target, follow_links=True)
    except DataError as error:
        yield GivenImage(escape(str(target)), partial(_refuse, ValueError(str(error))))
    else:
        yield from _listed(files)


def _listed(files: ImageFiles) -> Iterator[GivenImage]:
    for left in files.left_out:
        if left.is_fault:
            yield GivenImage(f"{files.location}/{left.name}", partial(_refuse, ValueError(left.reason)))
    place = _place(unescape(files.location))
    for file in files.files:
        yield GivenImage(
            f"{files.location}/{file.name}", partial(files.read, file.name), f"{place}/{file.name}", file.signature
        )


def _file(path: str, status: os.stat_result) -> GivenImage:
    return GivenImage(escape(path), partial(read_file, path), _place(path), signature(status))


def _place(path: str) -> str:
    return escape(Path(os.path.abspath(path)).as_posix())  # noqa: PTH100 - takes ".." out, as Path.absolute does not


def _refuse(error: Exception) -> bytes:
    raise error
