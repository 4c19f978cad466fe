"""The photographs in a report, with Grad-CAM beside them as far as it was kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnnforge.report import page
from cnnforge.report.run_files import RunFiles

MAX_PICTURE_BYTES = 3_500_000
"""Total length of the photographs in a report, as text; with the rest a report stays below 5 MB."""

MAX_SHEET_BYTES = 500_000
"""Length of the sheet of augmented images, as text."""

_MEDIA_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}


@dataclass(frozen=True, slots=True)
class Shown:
    """A photograph with what the model says of it; pictures are URIs, empty where there is none to show."""

    name: str
    label: str
    predicted: str
    probability: float
    picture: str
    grad_cam: str


@dataclass(frozen=True, slots=True)
class Gallery:
    """The photographs of a report, by why they are in it."""

    mistakes: list[Shown]
    doubtful: list[Shown]


def gallery(files: RunFiles) -> Gallery:
    """Return the photographs of a report, with pictures as long as they fit into ``MAX_PICTURE_BYTES``."""
    embedded = _Embedded(files.directory, MAX_PICTURE_BYTES)

    def show(entries: Iterable[dict[str, Any]]) -> list[Shown]:
        return [
            Shown(
                entry["name"],
                entry["label"],
                entry["predicted"],
                entry["probability"],
                embedded.uri(entry.get("file") or ""),
                embedded.uri(files.examples.get("grad_cam", {}).get(entry["name"]) or ""),
            )
            for entry in entries
        ]

    return Gallery(show(files.evaluation.get("mistakes", ())), show(files.examples.get("doubtful", ())))


def augmentation(files: RunFiles) -> str:
    """Return the sheet of augmented training images as a URI, empty if there is none."""
    return _Embedded(files.directory, MAX_SHEET_BYTES).uri("augmentation.jpg")


class _Embedded:
    """Pictures of a run directory as URIs, until a length is used up."""

    def __init__(self, folder: Path, max_length: int) -> None:
        self._folder = folder.resolve()
        self._left = max_length

    def uri(self, name: str) -> str:
        """Return a picture; empty if it is none, is too large, or lies anywhere else."""
        path = (self._folder / name).resolve()
        media_type = _MEDIA_TYPES.get(path.suffix.lower())
        if media_type is None or not path.is_relative_to(self._folder) or not path.is_file():
            return ""
        uri = page.data_uri(path.read_bytes(), media_type)
        if len(uri) > self._left:
            return ""
        self._left -= len(uri)
        return uri
