"""What the report says of the data: how many images of each class there are, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from cnnforge.images import SPLITS
from cnnforge.report import RunFiles
from cnnforge.system import files as system_files
from cnnforge_report.embedded import Embedded
from cnnforge_report.fragments import fragment

MAX_SHEET_BYTES = 500_000
"""Length of the sheet of augmented images, as text."""

_MAX_LEFT_OUT = 50  # kept by name; the manifest has them all
_MAX_GROUPS = 20  # of duplicates
_MAX_NAMES = 6  # of a group

_Groups = dict[int, list[tuple[str, str]]]


class _Listed(NamedTuple):
    """Images that the manifest sets apart.

    Args:
        left_out: Name and reason of the first files that were left out.
        num_left_out: How many there are in all.
        duplicates: The first groups of identical images, each image as its name and split.
        near_duplicates: Those of nearly identical ones that lie in several splits, then the others.
    """

    left_out: list[tuple[str, str]]
    num_left_out: int
    duplicates: list[list[tuple[str, str]]]
    near_duplicates: list[list[tuple[str, str]]]


def data(files: RunFiles) -> str:
    """Return the section on the data; empty before they were read."""
    facts = files.run.get("data", {})
    if not facts:
        return ""
    listed = _listed(files.directory / "manifest.jsonl")
    splits, rows = _class_counts(files)
    sheet = Embedded(files.directory, MAX_SHEET_BYTES).uri("augmentation.jpg")
    return fragment("data", files, data=facts, listed=listed, splits=splits, rows=rows, augmentation=sheet)


def _class_counts(files: RunFiles) -> tuple[list[str], list[tuple[str, list[int]]]]:
    """Return the splits, and for each class (then for all of them) the number of images in each split and in all."""
    data = files.run.get("data", {})
    splits = data.get("splits", {})
    present = [split for split in SPLITS if split in splits]
    rows = [(name, [splits[split].get(name, 0) for split in present]) for name in data.get("class_names", ())]
    rows = [*rows, ("all classes", [sum(column) for column in zip(*(row for _, row in rows), strict=True)])]
    return present, [(name, [*row, sum(row)]) for name, row in rows]


def _listed(manifest: Path) -> _Listed:
    """Return what the manifest of a run sets apart."""
    left_out: list[tuple[str, str]] = []
    groups: dict[str, _Groups] = {"duplicates": {}, "near_duplicates": {}}
    for line in system_files.read_lines(manifest):
        if line.get("left_out"):
            left_out.append((line["name"], line["left_out"]))
        for kind in groups.keys() & line.keys():
            groups[kind].setdefault(line[kind], []).append((line["name"], line.get("split", "")))
    first = {kind: _first(of_kind) for kind, of_kind in groups.items()}
    return _Listed(left_out[:_MAX_LEFT_OUT], len(left_out), **first)


def _first(groups: _Groups) -> list[list[tuple[str, str]]]:
    """Return groups of images, those across splits first."""
    ordered = sorted(groups.values(), key=lambda group: len({split for _, split in group}) == 1)
    return [group[:_MAX_NAMES] for group in ordered[:_MAX_GROUPS]]
