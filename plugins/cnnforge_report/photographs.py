"""The photographs in a report, with Grad-CAM beside them as far as it was kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cnnforge.report import RunFiles
from cnnforge_report.embedded import Embedded
from cnnforge_report.fragments import fragment

MAX_PICTURE_BYTES = 3_500_000
"""Total length of the photographs in a report, as text; with the rest a report stays below 5 MB."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """A photograph with what the model says of it; pictures are URIs, empty where there is none to show."""

    name: str
    label: str
    predicted: str
    probability: float
    picture: str
    grad_cam: str


@dataclass(frozen=True, slots=True)
class _Gallery:
    """The photographs of a report, by why they are in it."""

    mistakes: list[_Shown]
    doubtful: list[_Shown]


def photographs(files: RunFiles) -> str:
    """Return the photographs to look at; empty where none were kept."""
    gallery = _gallery(files)
    return fragment("photographs", files, gallery=gallery) if gallery.mistakes or gallery.doubtful else ""


def labels(files: RunFiles) -> str:
    """Return the labels that may be wrong; empty where they were not looked for."""
    suspected = files.examples.get("label_errors")
    return fragment("labels", files, label_errors=suspected) if suspected else ""


def _gallery(files: RunFiles) -> _Gallery:
    """Return the photographs of a report, with pictures as long as they fit into ``MAX_PICTURE_BYTES``."""
    embedded = Embedded(files.directory, MAX_PICTURE_BYTES)

    def show(entries: Iterable[dict[str, Any]]) -> list[_Shown]:
        return [
            _Shown(
                entry["name"],
                entry["label"],
                entry["predicted"],
                entry["probability"],
                embedded.uri(entry.get("file") or ""),
                embedded.uri(files.examples.get("grad_cam", {}).get(entry["name"]) or ""),
            )
            for entry in entries
        ]

    return _Gallery(show(files.evaluation.get("mistakes", ())), show(files.examples.get("doubtful", ())))
