"""The manifest: every image seen, with its split, or why it was left out; and how two of them differ."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from cnnforge.data.scanned import FORMAT_NAMES, ScannedImages
from cnnforge.data.splits import LEFT_OUT
from cnnforge.errors import DataError
from cnnforge.images import SPLITS, LeftOut
from cnnforge.system import files, read_lines

_SHOWN = 5
_FORMATS = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".gif": "GIF",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".avif": "AVIF",
    ".heic": "HEIF",
    ".heif": "HEIF",
}


@dataclass(frozen=True)
class Manifest:
    """Every image of a data set.

    ``names``, ``labels`` and ``splits`` have one entry for each image of the source; ``splits`` holds 0 train, 1
    validation, 2 test, -1 left out. ``left_out`` are files that the source put aside, ``duplicates`` and
    ``near_duplicates`` groups of rows, ``warnings`` what the user should know.
    """

    class_names: Sequence[str]
    names: Sequence[str]
    labels: np.ndarray
    splits: np.ndarray
    scanned: ScannedImages
    reasons: dict[int, str]
    left_out: Sequence[LeftOut] = ()
    duplicates: Sequence[np.ndarray] = ()
    near_duplicates: Sequence[np.ndarray] = ()
    warnings: Sequence[str] = ()

    def rows(self, split: str) -> np.ndarray:
        """Return the rows of a split, ascending."""
        return np.flatnonzero(self.splits == SPLITS.index(split))

    def counts(self) -> dict[str, dict[str, int]]:
        """Return the number of images of each class in each split that has any."""
        counted = {
            split: np.bincount(self.labels[self.rows(split)], minlength=len(self.class_names)) for split in SPLITS
        }
        return {
            split: dict(zip(self.class_names, numbers.tolist(), strict=True))
            for split, numbers in counted.items()
            if numbers.any()
        }

    def faults(self) -> dict[str, str]:
        """Return what should have been a photograph and could not be used: name to reason."""
        of_source = {item.name: item.reason for item in self.left_out if item.is_fault}
        return of_source | {self.names[row]: reason for row, reason in self.reasons.items()}

    def fingerprint(self) -> str:
        """Return a hash of every image's name, content, class and split."""
        digest = hashlib.sha256(json.dumps(list(self.class_names)).encode())
        for row, name in enumerate(self.names):
            digest.update(json.dumps(name).encode() + self.scanned.sha256[row].tobytes())
        digest.update(self.labels.astype(np.int32).tobytes() + self.splits.astype(np.int8).tobytes())
        return digest.hexdigest()

    def summary(self) -> dict[str, Any]:
        """Return the counts that the report and ``run.json`` state."""
        reasons = Counter(self.faults().values())
        return {
            "class_names": list(self.class_names),
            "num_images": int((self.splits != LEFT_OUT).sum()),
            "splits": self.counts(),
            "num_left_out": reasons.total(),
            "left_out_reasons": dict(reasons.most_common(20)),
            "ignored": sum(not item.is_fault for item in self.left_out),
            "num_duplicates": sum(len(group) - 1 for group in self.duplicates),
            "num_near_duplicates": sum(len(group) - 1 for group in self.near_duplicates),
            "num_animated": int(self.scanned.is_animated.sum()),
            "num_misnamed": self._num_misnamed(),
            "fingerprint": self.fingerprint(),
            "warnings": list(self.warnings),
        }

    def _num_misnamed(self) -> int:
        """Return how many images are of another format than their name says; harmless here, but not everywhere."""
        usable = np.flatnonzero(self.splits != LEFT_OUT).tolist()
        said = [_FORMATS.get(PurePosixPath(self.names[row]).suffix.lower()) for row in usable]
        formats = [FORMAT_NAMES[number] for number in self.scanned.formats[usable]]
        return sum(name is not None and name != actual for name, actual in zip(said, formats, strict=True))

    def write(self, path: Path) -> None:
        """Write one JSON object a line: the images in the source's order, then the files it put aside."""
        with files.replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
            for line in self.lines():
                file.write(json.dumps(line) + "\n")

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield the manifest's lines."""
        exact, near = _group_numbers(self.duplicates), _group_numbers(self.near_duplicates)
        for row, name in enumerate(self.names):
            line = {"name": name, "class": self.class_names[self.labels[row]]}
            if row in self.reasons:
                yield {**line, "left_out": self.reasons[row]}
                continue
            yield {
                **line,
                "split": SPLITS[self.splits[row]],
                "sha256": self.scanned.sha256[row].tobytes().hex(),
                "width": int(self.scanned.widths[row]),
                "height": int(self.scanned.heights[row]),
                "format": FORMAT_NAMES[self.scanned.formats[row]],
                **({"duplicates": exact[row]} if row in exact else {}),
                **({"near_duplicates": near[row]} if row in near else {}),
            }
        for item in self.left_out:
            yield {"name": item.name, "left_out": item.reason}


def _group_numbers(groups: Sequence[np.ndarray]) -> dict[int, int]:
    return {int(row): number for number, group in enumerate(groups, start=1) for row in group}


def check_unchanged(fingerprint: str, path: Path, manifest: Manifest) -> None:
    """Compare the images found now with those that a run was started with.

    Args:
        fingerprint: Of the images that it was started with.
        path: The manifest that was written then, in the run's directory.
        manifest: Of the images found now.

    Raises:
        DataError: They differ; the message says which images are new, missing or changed.
    """
    if fingerprint == manifest.fingerprint():
        return
    before = {line["name"]: line for line in read_lines(path) if "name" in line}
    now = {line["name"]: line for line in manifest.lines()}
    raise DataError(
        f"expected the images that {path.parent} was started with, received others:\n"
        + "\n".join(f"  {line}" for line in data_changes(before, now)),
        hint="put them back, start a new run, or go on with what there is now: --accept-changes",
    )


def data_changes(before: Mapping[str, Mapping[str, Any]], now: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for each kind of difference between two manifests, lines by name, with the first few names."""
    both = [name for name in now if name in before]
    kinds = {
        "new": [name for name in now if name not in before],
        "missing": [name for name in before if name not in now],
        "changed content": [name for name in both if _differ(before[name], now[name], "sha256", "left_out")],
        "another class": [name for name in both if _differ(before[name], now[name], "class")],
        "another split": [
            name
            for name in both
            if not _differ(before[name], now[name], "sha256", "left_out") and _differ(before[name], now[name], "split")
        ],
    }
    for kind, names in kinds.items():
        if names:
            more = ", …" if len(names) > _SHOWN else ""
            yield f"{len(names)} {kind}: {', '.join(names[:_SHOWN])}{more}"


def _differ(one: Mapping[str, Any], other: Mapping[str, Any], *keys: str) -> bool:
    return any(one.get(key) != other.get(key) for key in keys)
