"""What a scan learns of each image, by column, and how it is kept on disk."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np

from cnnforge.data.photographs import EXTRA_FORMATS, FORMATS

FORMAT_NAMES = (*FORMATS, *EXTRA_FORMATS, "array")
"""The formats, in the order of their codes in :attr:`ScannedImages.formats`."""

_TYPES = {
    **dict.fromkeys(("widths", "heights"), np.int32),
    **dict.fromkeys(("formats", "lows", "highs"), np.uint8),
    **dict.fromkeys(("perceptual_hashes", "checksums"), np.uint64),
}  # of columns that are not bool


@dataclass(frozen=True, slots=True)
class ScannedImages:
    """One row an image, in the order of the source. Rows with a reason hold zeros otherwise.

    ``sha256`` (images, 32) uint8; ``widths`` and ``heights`` int32, upright, in pixels; ``formats`` index into
    :data:`FORMAT_NAMES`; ``perceptual_hashes`` uint64; ``reasons``: row to why it is unusable. Of the stored pixels:
    ``lows`` and ``highs`` uint8, its darkest and brightest value; ``is_one_colour`` and ``is_grey`` bool. Of the file,
    bool: ``is_animated``; ``is_transparent``, if only in part; ``is_deep``, grey with more than 8 bits. ``checksums``,
    uint64: of the kept pixels, 0 where none are kept.
    """

    sha256: np.ndarray
    widths: np.ndarray
    heights: np.ndarray
    formats: np.ndarray
    perceptual_hashes: np.ndarray
    lows: np.ndarray
    highs: np.ndarray
    is_one_colour: np.ndarray
    is_grey: np.ndarray
    is_animated: np.ndarray
    is_transparent: np.ndarray
    is_deep: np.ndarray
    checksums: np.ndarray
    reasons: dict[int, str] = field(default_factory=dict)

    @classmethod
    def empty(cls, num_images: int) -> ScannedImages:
        """Return all-zero columns to be filled."""
        columns = {name: np.zeros(num_images, _TYPES.get(name, np.bool_)) for name in _columns()}
        return cls(**columns | {"sha256": np.zeros((num_images, 32), np.uint8)}, reasons={})

    def take(self, other: ScannedImages, mine: np.ndarray, theirs: np.ndarray) -> None:
        """Copy rows ``theirs`` of another scan into rows ``mine``."""
        for column in _columns():
            getattr(self, column)[mine] = getattr(other, column)[theirs]
        for row, source in zip(mine.tolist(), theirs.tolist(), strict=True):
            if source in other.reasons:
                self.reasons[row] = other.reasons[source]

    def save(self, folder: Path) -> None:
        """Write the columns into a folder."""
        np.savez(folder / "scan.npz", allow_pickle=False, **{name: getattr(self, name) for name in _columns()})
        (folder / "reasons.json").write_text(json.dumps(self.reasons), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, num_images: int) -> ScannedImages:
        """Read the columns from a folder.

        Raises:
            Exception: Of whatever kind: the files are damaged, or hold another number of images.
        """
        # Opened here, since NumPy leaves a file open that it finds damaged.
        with (folder / "scan.npz").open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            columns = {name: arrays[name] for name in _columns()}
        reasons = json.loads((folder / "reasons.json").read_text(encoding="utf-8"))
        if {len(column) for column in columns.values()} != {num_images}:
            raise ValueError(f"expected {num_images} rows in {folder}")
        return cls(**columns, reasons={int(row): reason for row, reason in reasons.items()})

    def unread(self) -> np.ndarray:
        """Return the rows whose image could not even be read, which may be otherwise the next time."""
        rows = np.array(sorted(self.reasons), np.int64)
        return rows[~self.sha256[rows].any(axis=1)]


def _columns() -> list[str]:
    return [f.name for f in fields(ScannedImages) if f.name != "reasons"]
