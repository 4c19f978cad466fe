"""The measures of the evaluation, and how the network told the classes apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cnnforge.report import RunFiles, measured_figures
from cnnforge_report.fragments import fragment

_MAX_MATRIX_CLASSES = 40
"""With more classes a confusion matrix is no longer read, and its page grows by the square of them."""

_NUM_WORST_CLASSES = 20
_LEAST_FULL_SHADE = 0.2  # a mix-up of this share of a class is as dark as any


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the confusion matrix: how many images, their share of the row, how dark, and whether they are right."""

    count: int
    share: float
    shade: float
    is_right: bool


@dataclass(frozen=True, slots=True)
class Confusion:
    """The confusion matrix, if it is small enough to be read, and the most frequent mix-ups."""

    rows: list[tuple[str, list[Cell]]]
    worst: list[tuple[str, str, int, float]]
    num_pairs: int


def measures(files: RunFiles) -> str:
    """Return the table of measures; empty for a run that was not evaluated."""
    figures = measured_figures(files.evaluation, files.measures)
    return fragment("measures", files, figures=figures) if figures else ""


def classes(files: RunFiles) -> str:
    """Return the confusion matrix and the measures of each class; empty for a run that was not evaluated."""
    if not files.evaluation:
        return ""
    shown, folded = _per_class(files)
    return fragment("classes", files, confusion=_confusion(files), shown=shown, folded=folded)


def _confusion(files: RunFiles) -> Confusion:
    """Return the confusion matrix and the ten most frequent mix-ups."""
    names, matrix = files.evaluation["class_names"], files.evaluation["confusion_matrix"]
    wrong = [
        (names[i], names[j], number, number / sum(row))
        for i, row in enumerate(matrix)
        for j, number in enumerate(row)
        if number and i != j
    ]
    wrong.sort(key=lambda pair: -pair[2])
    rows = list(zip(names, _cells(matrix), strict=True)) if len(names) <= _MAX_MATRIX_CLASSES else []
    return Confusion(rows, wrong[:10], len(wrong))


def _cells(matrix: list[list[int]]) -> list[list[Cell]]:
    shares = [[n / (sum(row) or 1) for n in row] for row in matrix]
    # A mix-up is rare beside what is right: shaded alike, the pattern of the mix-ups would not be seen.
    full = max([_LEAST_FULL_SHADE, *(share for i, row in enumerate(shares) for j, share in enumerate(row) if i != j)])
    return [
        [
            Cell(n, share, share if i == j else share / full, i == j)
            for j, (n, share) in enumerate(zip(*pair, strict=True))
        ]
        for i, pair in enumerate(zip(matrix, shares, strict=True))
    ]


def _per_class(files: RunFiles) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the classes to show at once and those to fold away: of many, the twenty of lowest F1 are shown."""
    rows = files.evaluation["per_class"]
    if len(rows) <= _MAX_MATRIX_CLASSES:
        return rows, []
    ordered = sorted(rows, key=lambda row: float(row["f1"]))
    return ordered[:_NUM_WORST_CLASSES], ordered[_NUM_WORST_CLASSES:]
