"""Images that a store has already, found by their identity: for a scan, and for whoever comes with a file."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path, PurePath

import numpy as np

from cnnforge.data import store
from cnnforge.data.decoding import DecodeSettings
from cnnforge.data.image_rows import StoredRows
from cnnforge.data.scanned import ScannedImages
from cnnforge.errors import StorageError


class KnownImages:
    """The images of a finished store.

    Raises:
        Exception: Of whatever kind: the store is damaged, has no pixels or no images, or is removed this moment.
    """

    def __init__(self, folder: Path, shape: tuple[int, int, int]) -> None:
        store.check(folder)
        keys = _keys(store.load_identities(folder))
        if not len(keys):
            raise ValueError(f"expected images in {folder}")
        self.scanned = ScannedImages.load(folder, len(keys))
        self.pixels = StoredRows(folder / store.IMAGES, shape, self.scanned.checksums)
        self._order = np.argsort(keys)
        self._sorted = keys[self._order]

    def rows_of(self, identities: np.ndarray) -> np.ndarray:
        """Return the row of each identity, -1 where the store has none of it."""
        keys = _keys(identities)
        positions = np.minimum(np.searchsorted(self._sorted, keys), len(self._sorted) - 1)
        return np.where(self._sorted[positions] == keys, self._order[positions], -1)


def open_known(folder: Path, shape: tuple[int, int, int]) -> KnownImages | None:
    """Return the images of a store, or None where it is of no use."""
    try:
        return KnownImages(folder, shape)
    except Exception:  # as there
        return None


class KnownPixels:
    """Finds decoded images by where the file lies and its signature, as surely as a second run does.

    The stores of a folder or archive are those whose data source said that it lies there. Safe for several threads.

    Args:
        settings: How the images would be decoded.
    """

    def __init__(self, settings: DecodeSettings) -> None:
        self._shape = settings.shape
        wanted = store.settings_key(settings)
        self._places = [
            (f"{PurePath(os.path.normpath(info.location)).as_posix()}/", info.path)
            for info in reversed(store.list_stores())
            if info.settings == wanted
        ]
        self._opened: dict[Path, KnownImages | None] = {}

    def find(self, place: str, signature: str) -> np.ndarray | None:
        """Return the pixels of a file, shape (height, width, channels), or None where no store has them.

        Args:
            place: Its absolute path, or that of its archive and its name in there, with ``/``.
            signature: What the data source's signature of it would be.
        """
        for prefix, folder in self._places:
            if place.startswith(prefix) and (known := self._open(folder)):
                rows = known.rows_of(store.identities([place.removeprefix(prefix)], [signature]))
                if rows[0] >= 0 and int(rows[0]) not in known.scanned.reasons:
                    with suppress(StorageError):  # damaged: decoded anew
                        pixels: np.ndarray = known.pixels.gather(rows)[0]
                        return pixels
        return None

    def _open(self, folder: Path) -> KnownImages | None:
        if folder not in self._opened:
            store.find(folder.name)  # notes the use
            self._opened[folder] = open_known(folder, self._shape)
        return self._opened[folder]


def _keys(identities: np.ndarray) -> np.ndarray:
    """Return identities, 16 bytes each, as values that can be sorted and compared."""
    return np.ascontiguousarray(identities).view("S16").ravel()
