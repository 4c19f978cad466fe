"""What :func:`cnnforge.images.opening.open_files` returns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cnnforge.images.labelled_images import LeftOut

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

    def reader(self, names: Sequence[str]) -> Callable[[int], bytes]:
        """Return ``read(index)`` over these names, as :class:`cnnforge.LabelledImages` wants it; it can be pickled."""
        return _ReadByIndex(self.read, tuple(names))


@dataclass(frozen=True, slots=True)
class _ReadByIndex:
    read: Callable[[str], bytes]
    names: tuple[str, ...]

    def __call__(self, index: int) -> bytes:
        return self.read(self.names[index])
