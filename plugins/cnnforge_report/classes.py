"""The measures of the evaluation, and how the network told the classes apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cnnforge.report import FEW, ClassFigures, RunFiles, class_figures, measured_figures, numbers, share
from cnnforge_report.fragments import fragment

_MAX_MATRIX_CLASSES = 40
"""With more classes a confusion matrix is no longer read, and its page grows by the square of them."""

_NUM_WORST_CLASSES = 20
_LEAST_FULL_SHADE = 0.2  # a mix-up of this share of a class is as dark as any


Shown = tuple[dict[str, Any], ClassFigures]
"""The row of a class in ``evaluation.json``, and what can be said of it."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the confusion matrix: how many images, what share of the row, how dark, and whether they are right."""

    count: int
    share: str
    shade: float
    is_right: bool


@dataclass(frozen=True, slots=True)
class Confusion:
    """The confusion matrix, if it is small enough to be read, and the most frequent mix-ups."""

    rows: list[tuple[str, list[Cell]]]
    worst: list[tuple[str, str, int, str]]
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
    return fragment("classes", files, confusion=_confusion(files), shown=shown, folded=folded, few=FEW)


def _confusion(files: RunFiles) -> Confusion:
    """Return the confusion matrix and the ten most frequent mix-ups."""
    names, matrix = files.evaluation["class_names"], files.evaluation["confusion_matrix"]
    wrong = [
        (names[i], names[j], number, share(number, sum(row)))
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
    mixed_up = [of_cell for i, row in enumerate(shares) for j, of_cell in enumerate(row) if i != j]
    full = max([_LEAST_FULL_SHADE, *mixed_up])
    return [
        [
            Cell(n, numbers.percent(of_cell) if sum(row) >= FEW else "", of_cell if i == j else of_cell / full, i == j)
            for j, (n, of_cell) in enumerate(zip(row, shares[i], strict=True))
        ]
        for i, row in enumerate(matrix)
    ]


def _per_class(files: RunFiles) -> tuple[list[Shown], list[Shown]]:
    """Return the classes to show at once and those to fold away: of many, the twenty of lowest F1 are shown."""
    rows = list(zip(files.evaluation["per_class"], class_figures(files.evaluation), strict=True))
    if len(rows) <= _MAX_MATRIX_CLASSES:
        return rows, []
    ordered = sorted(rows, key=lambda row: float(row[0]["f1"]))
    return ordered[:_NUM_WORST_CLASSES], ordered[_NUM_WORST_CLASSES:]
