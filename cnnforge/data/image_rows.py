"""Where batches get their pixels from: the image store, or the source itself."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np

from cnnforge.data.decode import DecodeSettings, decode
from cnnforge.processors import num_processors

_REMAP_BYTES = 256 * 2**20


class ImageRows(Protocol):
    """Decoded images by row."""

    shape: tuple[int, int, int]

    def gather(self, rows: np.ndarray) -> np.ndarray:
        """Return the images of those rows, shape (rows, height, width, channels), uint8."""
        ...


class StoredRows:
    """Rows of a memory-mapped file; ``owner`` is kept alive as long as they are."""

    def __init__(self, path: Path, num_images: int, shape: tuple[int, int, int], owner: object = None) -> None:
        self.shape = shape
        self._owner = owner
        self._path = path
        self._num_images = num_images
        self._bytes_until_remap = 0
        self._mapped: np.ndarray | None = None

    def gather(self, rows: np.ndarray) -> np.ndarray:
        """Return copies of those rows."""
        batch: np.ndarray = self._map(len(rows))[rows]
        return batch

    def _map(self, num_rows: int) -> np.ndarray:
        # Pages once read count as this process's memory until they are unmapped. A fresh mapping every so often
        # costs nothing (the pages stay in the system's cache) and keeps memory the same however large the data are.
        if self._mapped is None or self._bytes_until_remap <= 0:
            self._mapped = np.memmap(self._path, np.uint8, "r", shape=(self._num_images, *self.shape))
            self._bytes_until_remap = _REMAP_BYTES
        self._bytes_until_remap -= num_rows * int(np.prod(self.shape))
        return self._mapped


class StreamedRows:
    """Rows decoded anew each time they are asked for, on all processors."""

    def __init__(self, read: Callable[[int], bytes | np.ndarray], settings: DecodeSettings) -> None:
        self.shape = settings.shape
        self._read = read
        self._settings = settings
        self._threads = ThreadPoolExecutor(num_processors(), thread_name_prefix="decode")

    def gather(self, rows: np.ndarray) -> np.ndarray:
        """Return those rows, read and decoded."""
        return np.stack(list(self._threads.map(self._decode, rows.tolist())))

    def _decode(self, row: int) -> np.ndarray:
        return decode(self._read(row), self._settings).pixels
