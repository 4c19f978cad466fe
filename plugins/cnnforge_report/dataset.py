"""What the report says of the data: how many images of each class there are, and what is wrong with them."""

from __future__ import annotations

from cnnforge.images import SPLITS
from cnnforge.report import RunFiles
from cnnforge_report.embedded import Embedded
from cnnforge_report.fragments import fragment

MAX_SHEET_BYTES = 500_000
"""Length of the sheet of augmented images, as text."""


def data(files: RunFiles) -> str:
    """Return the section on the data; empty before they were read."""
    facts = files.run.get("data", {})
    if not facts:
        return ""
    splits, rows = _class_counts(files)
    sheet = Embedded(files.directory, MAX_SHEET_BYTES).uri("augmentation.jpg")
    return fragment("data", files, data=facts, splits=splits, rows=rows, augmentation=sheet)


def _class_counts(files: RunFiles) -> tuple[list[str], list[tuple[str, list[int]]]]:
    """Return the splits, and for each class (then for all of them) the number of images in each split and in all."""
    data = files.run.get("data", {})
    splits = data.get("splits", {})
    present = [split for split in SPLITS if split in splits]
    rows = [(name, [splits[split].get(name, 0) for split in present]) for name in data.get("class_names", ())]
    rows = [*rows, ("all classes", [sum(column) for column in zip(*(row for _, row in rows), strict=True)])]
    return present, [(name, [*row, sum(row)]) for name, row in rows]
