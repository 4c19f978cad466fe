"""Data sources for tests: files in a folder, with a log of who read what."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from cnnforge.data.decoding import DecodeSettings
from cnnforge.data.scanning import Scan, scan
from cnnforge.images.labelled_images import LabelledImages

SETTINGS = DecodeSettings(12, 16)


@dataclass(frozen=True)
class LoggingReader:
    """Reads files by index and notes name, process and thread of each read in a log, one line each."""

    folder: Path
    names: tuple[str, ...]

    def __call__(self, index: int) -> bytes:
        with self.log.open("a", encoding="utf-8") as file:
            file.write(f"{self.names[index]} {os.getpid()} {threading.get_ident()}\n")
        return (self.folder / self.names[index]).read_bytes()

    @property
    def log(self) -> Path:
        return self.folder.with_suffix(".log")


class Photographs:
    """A folder of small pictures, all different, that tests add to and damage."""

    def __init__(self, folder: Path, num_images: int = 0) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.names: list[str] = []
        self.signatures: dict[str, str] = {}
        self.add(num_images)

    def add(self, num_images: int) -> list[str]:
        """Add pictures and return their names."""
        start = len(self.names)
        for number in range(start, start + num_images):
            self.put(f"{number:05}.png", picture(number))
        return self.names[start:]

    def put(self, name: str, content: bytes, signature: str = "1") -> None:
        (self.folder / name).write_bytes(content)
        if name not in self.signatures:
            self.names.append(name)
        self.signatures[name] = signature

    def images(self, **changes: object) -> LabelledImages:
        fields: dict[str, object] = {
            "class_names": ["cat", "dog"],
            "names": list(self.names),
            "labels": [number % 2 for number in range(len(self.names))],
            "read": LoggingReader(self.folder, tuple(self.names)),
            "signatures": [self.signatures[name] for name in self.names],
            "location": str(self.folder),
        }
        return LabelledImages(**{**fields, **changes})

    def scan(self, mode: str = "auto", settings: DecodeSettings = SETTINGS, **changes: object) -> Scan:
        return scan(self.images(**changes), settings, mode, lambda done, total: None)

    def take_reads(self) -> list[str]:
        """Return the names read since the last call."""
        return [line.split()[0] for line in self.take_log()]

    def take_log(self) -> list[str]:
        log = LoggingReader(self.folder, ()).log
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines


def picture(number: int, height: int = 12, width: int = 16) -> bytes:
    pixels = np.random.default_rng(number).integers(0, 256, (height, width, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def pixels_of(result: Scan, rows: Sequence[int] | None = None) -> np.ndarray:
    chosen = np.arange(len(result.scanned.sha256)) if rows is None else np.asarray(rows)
    return result.rows.gather(chosen)


def same_scan(one: Scan, other: Scan) -> bool:
    """Whether two scans agree in every column and, for usable images, in every pixel."""
    columns = ("sha256", "widths", "heights", "formats", "perceptual_hashes", "is_animated")
    usable = [row for row in range(len(one.scanned.sha256)) if row not in one.scanned.reasons]
    return (
        all(np.array_equal(getattr(one.scanned, column), getattr(other.scanned, column)) for column in columns)
        and one.scanned.reasons == other.scanned.reasons
        and np.array_equal(pixels_of(one, usable), pixels_of(other, usable))
    )


def not_picklable(read: Callable[[int], bytes]) -> Callable[[int], bytes]:
    return lambda index: read(index)
