"""What :func:`cnnforge.images.opening.open_files` returns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cnnforge.images.labelled_images import LeftOut, read_at
from cnnforge.images.names import escape, natural_key

MAX_FILE_BYTES = 256 * 2**20
"""A larger file is left out: no photograph is, and reading it could exhaust the memory."""

TOO_LARGE = f"larger than {MAX_FILE_BYTES // 2**20} MB"


@dataclass(frozen=True, slots=True)
class ImageFile:
    """A file that may be a photograph.

    Args:
        name: Its path below the folder or in the archive, with ``/``.
        signature: A text that changes when its content does.
    """

    name: str
    signature: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageFiles:
    """The files of a folder or archive, in natural order (2 before 10). Can be pickled and read from many threads.

    Args:
        files: Everything that may be a photograph.
        left_out: Everything else, with the reason.
        folders: Every folder that was looked into, also the empty ones; ``""`` is the folder or archive itself.
        location: Where they are, for people.
        read: ``read(name)`` returns the bytes of a listed file. It raises ``OSError`` or ``ValueError`` with a short
            reason where that fails ("permission denied").
    """

    files: tuple[ImageFile, ...]
    left_out: tuple[LeftOut, ...]
    folders: tuple[str, ...]
    location: str
    read: Callable[[str], bytes]

    @classmethod
    def in_order(
        cls,
        path: Path,
        files: Iterable[ImageFile],
        left_out: Iterable[LeftOut],
        folders: Iterable[str],
        read: Callable[[str], bytes],
    ) -> ImageFiles:
        """Return what was listed at a path, whatever the order it was found in."""
        return cls(
            files=tuple(sorted(files, key=lambda file: natural_key(file.name))),
            left_out=tuple(sorted(left_out, key=lambda left: natural_key(left.name))),
            folders=tuple(sorted(folders, key=natural_key)),
            location=escape(str(path)),
            read=read,
        )

    def reader(self, names: Sequence[str]) -> Callable[[int], bytes]:
        """Return ``read(index)`` over these names, as :class:`cnnforge.LabelledImages` wants it; it can be pickled."""
        return partial(read_at, self.read, tuple(names))
