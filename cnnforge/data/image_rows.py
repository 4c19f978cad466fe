"""Where batches get their pixels from: the image store, or the source itself."""

from __future__ import annotations

import math
import mmap
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import xxhash

from cnnforge.data.decoding import DecodeSettings, content_hash, decode
from cnnforge.errors import DataError, StorageError
from cnnforge.images import LabelledImages
from cnnforge.system import num_processors

_RELEASED_BYTES = 64 * 2**20
_CHECKED_ROWS = 64  # at a time


class ImageRows(ABC):
    """Decoded images by row; ``shape`` is that of an image: height, width, channels."""

    shape: tuple[int, ...]

    @abstractmethod
    def gather(self, rows: np.ndarray) -> np.ndarray:
        """Return the images of those rows, shape (rows, height, width, channels), uint8."""

    def announce(self, rows: np.ndarray) -> None:  # noqa: B027 - there may be nothing to do
        """Say that those rows will be wanted soon."""


class StoredRows(ImageRows):
    """Rows of a memory-mapped file, which stays readable when it is deleted meanwhile; each is checked as it is read.

    Args:
        path: The file.
        shape: Of an image: height, width, channels.
        checksums: Of the rows' pixels, shape (rows,), uint64; 0 where there are none.

    Raises:
        OSError: There is no such file.
        ValueError: It has not the size it should have.
    """

    def __init__(self, path: Path, shape: tuple[int, int, int], checksums: np.ndarray) -> None:
        self.shape = shape
        self._path = path
        self._checksums = checksums
        self._row_bytes = math.prod(shape)
        self._bytes_until_release = _RELEASED_BYTES
        with path.open("rb") as file:
            self._mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        num_bytes = len(checksums) * self._row_bytes
        if len(self._mapped) != max(1, num_bytes):
            raise ValueError(f"expected {path} to hold {num_bytes} bytes, received {len(self._mapped)}")
        self._rows = np.frombuffer(self._mapped, np.uint8, num_bytes).reshape(len(checksums), *shape)

    def gather(self, rows: np.ndarray) -> np.ndarray:
        """Return copies of those rows.

        Raises:
            StorageError: One is not what was written.
        """
        self._release(len(rows) * self._row_bytes)
        batch: np.ndarray = self._rows[rows]
        if not _match(batch, self._checksums[rows]).all():
            raise StorageError(
                f"expected pixels as they were written, received others from {self._path}: the disk or another program"
                " damaged them since this process began",
                hint="do it again, or resume the run: the images are decoded anew",
            )
        return batch

    def damaged(self) -> np.ndarray:
        """Return the rows that are not what was written, having read all of them."""
        sound = np.ones(len(self._rows), np.bool_)
        for start in range(0, len(sound), _CHECKED_ROWS):
            part = slice(start, start + _CHECKED_ROWS)
            sound[part] = _match(self._rows[part], self._checksums[part])
            self._release(_CHECKED_ROWS * self._row_bytes)
        return np.flatnonzero(~sound)

    def announce(self, rows: np.ndarray) -> None:
        """Have the system read those rows from the disk, if it no longer holds them, while others are being used."""
        if hasattr(mmap, "MADV_WILLNEED"):
            for start in (rows * self._row_bytes).tolist():
                page = start // mmap.PAGESIZE * mmap.PAGESIZE
                self._mapped.madvise(mmap.MADV_WILLNEED, page, start + self._row_bytes - page)

    def _release(self, num_bytes: int) -> None:
        # Pages once read count as this process's memory until they are given back. Doing that every so often costs
        # nothing (they stay in the system's cache) and keeps memory the same however large the data are.
        self._bytes_until_release -= num_bytes
        if self._bytes_until_release <= 0 and hasattr(mmap, "MADV_DONTNEED"):
            self._mapped.madvise(mmap.MADV_DONTNEED)
            self._bytes_until_release = _RELEASED_BYTES


def _match(images: np.ndarray, checksums: np.ndarray) -> np.ndarray:
    """Return for each image whether it has its checksum; one without pixels has none."""
    actual = np.fromiter(map(xxhash.xxh3_64_intdigest, images), np.uint64, len(images))
    matches: np.ndarray = (actual == checksums) | (checksums == 0)
    return matches


class StreamedRows(ImageRows):
    """Rows decoded anew each time they are asked for, on all processors.

    Args:
        images: Where they come from.
        settings: How they are decoded.
        sha256: The content hashes that the scan found, shape (images, 32).
    """

    def __init__(self, images: LabelledImages, settings: DecodeSettings, sha256: np.ndarray) -> None:
        self.shape = settings.shape
        self._images = images
        self._settings = settings
        self._sha256 = sha256
        self._threads = ThreadPoolExecutor(num_processors(), thread_name_prefix="decode")

    def gather(self, rows: np.ndarray) -> np.ndarray:
        """Return those rows, read and decoded.

        Raises:
            DataError: An image is no longer what it was when it was scanned. Its split and label rest on that, so
                training on anything in its place would be silently wrong.
        """
        batch = np.empty((len(rows), *self.shape), np.uint8)
        for position, pixels in enumerate(self._threads.map(self._decode, rows.tolist())):
            batch[position] = pixels
        return batch

    def _decode(self, row: int) -> np.ndarray:
        try:
            content = self._images.read(row)
            if content_hash(content) != self._sha256[row].tobytes():
                raise ValueError("its content has changed")
            return decode(content, self._settings).pixels
        except Exception as error:  # whatever a source raises for a file that is gone
            raise DataError(
                f"expected {self._images.names[row]} as it was when it was scanned, received: {error}",
                hint="put it back, or start a new run, which leaves it out",
            ) from error
