"""Pixels that an image store has already, for whoever comes with a file instead of a data source."""

from __future__ import annotations

import os
from pathlib import Path, PurePath

import numpy as np

from cnnforge.data import store
from cnnforge.data.decoding import DecodeSettings
from cnnforge.data.image_rows import StoredRows
from cnnforge.data.scanned import ScannedImages


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
        self._opened: dict[Path, _OpenStore | None] = {}

    def find(self, place: str, signature: str) -> np.ndarray | None:
        """Return the pixels of a file, shape (height, width, channels), or None where no store has them.

        Args:
            place: Its absolute path, or that of its archive and its name in there, with ``/``.
            signature: What the data source's signature of it would be.
        """
        for prefix, folder in self._places:
            if place.startswith(prefix) and (found := self._open(folder)):
                identity = store.identities([place.removeprefix(prefix)], [signature])[0]
                if (pixels := found.find(identity)) is not None:
                    return pixels
        return None

    def _open(self, folder: Path) -> _OpenStore | None:
        if folder not in self._opened:
            try:
                self._opened[folder] = _OpenStore(folder, self._shape)
            except Exception:  # damaged in whatever way, without pixels, or removed this moment
                self._opened[folder] = None
        return self._opened[folder]


class _OpenStore:
    """A store and the order of its images by identity, which takes 16 bytes an image."""

    def __init__(self, folder: Path, shape: tuple[int, int, int]) -> None:
        store.find(folder.name)  # notes the use
        self._identities = store.load_identities(folder)
        self._rows = StoredRows(folder / store.IMAGES, len(self._identities), shape)
        self._reasons = ScannedImages.load(folder, len(self._identities)).reasons
        keys = _keys(self._identities)
        self._order = np.argsort(keys)
        self._keys = keys[self._order]

    def find(self, identity: np.ndarray) -> np.ndarray | None:
        position = int(np.searchsorted(self._keys, _keys(identity[None])[0]))
        if position == len(self._keys):
            return None
        row = int(self._order[position])
        if row in self._reasons or not np.array_equal(self._identities[row], identity):
            return None
        pixels: np.ndarray = self._rows.gather(np.array([row]))[0]
        return pixels


def _keys(identities: np.ndarray) -> np.ndarray:
    """Return the first eight of each identity's sixteen bytes as a number."""
    return np.ascontiguousarray(identities[:, :8]).view(np.uint64)[:, 0]
