"""Golden images: photographs that the network never trained on, with what it says to them.

They lie beside an exported model, as files at the size of the network and, as far as room allows, as the photographs
they were made from, so that whoever uses the model can check a program of their own.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from cnnforge.data import decode, open_source
from cnnforge.running import RunImages, TrainedRun, split_lines

PIXELS = "golden/pixels"
PHOTOGRAPHS = "golden/photographs"
EXPECTED = "golden/expected.csv"
MAX_PHOTOGRAPH_BYTES = 20_000_000
"""How much of an export the photographs may make up."""

_SUFFIXES = {
    "JPEG": ".jpg",
    "PNG": ".png",
    "GIF": ".gif",
    "WEBP": ".webp",
    "BMP": ".bmp",
    "TIFF": ".tif",
    "AVIF": ".avif",
    "HEIF": ".heic",
}


@dataclass(frozen=True, slots=True)
class SplitImages:
    """Some images of one split.

    ``pixels`` has shape (images, height, width, channels), uint8; ``photographs`` holds, by
    the number of the image, the file it was made from and its suffix, as far as the model takes these and they find
    room; ``untried`` says why others are not there, and how many.
    """

    names: Sequence[str]
    labels: np.ndarray
    pixels: np.ndarray
    photographs: dict[int, tuple[bytes, str]]
    untried: dict[str, int]

    @property
    def pixel_files(self) -> list[str]:
        """Where each image lies in an export, at the size of the network."""
        return [f"{PIXELS}/{number:04}.png" for number in range(len(self.names))]

    @property
    def photograph_files(self) -> dict[int, str]:
        """Where photographs lie in an export, by the number of the image."""
        return {number: f"{PHOTOGRAPHS}/{number:04}{suffix}" for number, (_, suffix) in self.photographs.items()}


def read(
    trained: TrainedRun,
    split: str,
    limit: int,
    takes: str = "pixels",
    *,
    max_photograph_bytes: int = MAX_PHOTOGRAPH_BYTES,
) -> SplitImages:
    """Return images of a split, spread evenly over it, as the run's data source has them.

    Args:
        trained: The run; its manifest says which image is in which split.
        split: ``train``, ``validation`` or ``test``.
        limit: How many at most.
        takes: What the format's model takes, see ``ExportFormatSpec``.
        max_photograph_bytes: The room for the files they were made from, taken in their order.

    Raises:
        DataError: The data are gone, or have changed since.
    """
    lines = split_lines(trained.directory, split)
    chosen = [lines[row] for row in np.linspace(0, len(lines) - 1, min(limit, len(lines))).round().astype(int)]
    hint = "an export is checked on photographs of the run: put them back where they were"
    images = RunImages(open_source(trained.resolved), hint)
    pixels: list[np.ndarray] = []
    photographs: dict[int, tuple[bytes, str]] = {}
    untried: Counter[str] = Counter()
    room = max_photograph_bytes
    for line in chosen:
        content = images.read(line["name"], line["sha256"])
        decoded = decode(content, trained.decoding)
        file = (png(content), ".png") if isinstance(content, np.ndarray) else (content, _SUFFIXES[decoded.format])
        reason = why_untaken(file[0], takes) or ("without room" if len(file[0]) > room else None)
        if reason:
            untried[reason] += 1
        else:
            photographs[len(pixels)] = file
            room -= len(file[0])
        pixels.append(decoded.pixels)
    labels = np.array([trained.class_names.index(line["class"]) for line in chosen])
    return SplitImages([line["name"] for line in chosen], labels, np.stack(pixels), photographs, dict(untried))


def why_untaken(content: bytes, takes: str) -> str | None:
    """Return what a file is that a model does not take; None where it does, or leaves decoding to its script."""
    if takes != "files":
        return None
    image = Image.open(io.BytesIO(content))
    if image.format not in ("JPEG", "MPO", "PNG"):
        return image.format or "unnamed"
    return "CMYK" if image.mode == "CMYK" else None


def write(folder: Path, images: SplitImages, probabilities: np.ndarray, class_names: Sequence[str]) -> None:
    """Write the images as files and ``expected.csv``: a line for each file with what the network says.

    Args:
        folder: Of the export.
        images: The golden images.
        probabilities: Of the network, shape (images, classes).
        class_names: Of the network.
    """
    contents = {path: (number, png(images.pixels[number])) for number, path in enumerate(images.pixel_files)}
    for number, path in images.photograph_files.items():
        contents[path] = (number, images.photographs[number][0])
    rows = []
    for path, (number, content) in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
        said = probabilities[number]
        names = [images.names[number], class_names[images.labels[number]], class_names[said.argmax()]]
        rows.append([path, *names, *(f"{p:.9g}" for p in said)])
    with (folder / EXPECTED).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", "name", "label", "predicted", *(f"p_{name}" for name in class_names)])
        writer.writerows(rows)


def png(pixels: np.ndarray) -> bytes:
    """Return an image, shape (height, width, 1, 3 or 4), uint8, as a PNG file."""
    file = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()
