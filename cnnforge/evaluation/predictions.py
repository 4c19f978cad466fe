"""Predictions for labelled images, and the CSV file that keeps them.

No name in it is a formula to a spreadsheet: where one began like that, every such cell begins with an apostrophe, and
the file with ``"name"`` in quotation marks, the same to whoever reads CSV. So :func:`read_predictions` knows it from
names that have an apostrophe of their own.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO, cast

import numpy as np

from cnnforge.errors import DataError
from cnnforge.system import files, from_spreadsheet_cell, spreadsheet_cell

_PREFIX = "p_"  # of the columns with probabilities


@dataclass(frozen=True, slots=True)
class Predictions:
    """Probabilities of every class for labelled images.

    ``split`` says which images they are: the name of a split, or where they lie. ``names`` and ``labels`` have one
    entry an image; ``probabilities`` has shape (images, classes).
    """

    split: str
    class_names: Sequence[str]
    names: Sequence[str]
    labels: np.ndarray
    probabilities: np.ndarray

    @property
    def predicted(self) -> np.ndarray:
        """The most probable class of each image, as an index; of two equally probable ones the first."""
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)

    @property
    def confidence(self) -> np.ndarray:
        """The probability given to the predicted class of each image."""
        confidence: np.ndarray = self.probabilities[np.arange(len(self.labels)), self.predicted]
        return confidence

    def write(self, path: Path) -> None:
        """Write a line for each image; nine digits give back every bit of a float32."""
        classes = [spreadsheet_cell(name) for name in self.class_names]
        names = [spreadsheet_cell(name) for name in self.names]
        is_marked = [*classes, *names] != [*self.class_names, *self.names]
        with files.replacing(path) as temporary, open_text(temporary, "w") as file:
            file.write('"name",' if is_marked else "name,")
            writer = csv.writer(file)
            writer.writerow(["label", "predicted", *(f"{_PREFIX}{name}" for name in self.class_names)])
            columns = zip(names, self.labels, self.predicted, self.probabilities, strict=True)
            for name, label, predicted, row in columns:
                writer.writerow([name, classes[label], classes[predicted], *(f"{p:.9g}" for p in row)])


def open_text(path: Path, mode: str) -> TextIO:
    """Open a CSV file whose names may be those of files that are no UTF-8; they keep their bytes."""
    return cast("TextIO", path.open(mode, encoding="utf-8", errors="surrogateescape", newline=""))


def read_predictions(path: Path, split: str) -> Predictions:
    """Return what :meth:`Predictions.write` wrote.

    Raises:
        DataError: There is no such file, or it is another one.
    """
    try:
        with open_text(path, "r") as file:
            text = file.read()
        header, *lines = csv.reader(io.StringIO(text, newline=""))
        if text.startswith('"name"'):
            lines = [[*map(from_spreadsheet_cell, line[:3]), *line[3:]] for line in lines]
        class_names = [column.removeprefix(_PREFIX) for column in header[3:]]
        labels = np.array([class_names.index(line[1]) for line in lines], np.int64)
        probabilities = np.array([line[3:] for line in lines], np.float32).reshape(len(lines), len(class_names))
    except (OSError, ValueError, IndexError, csv.Error) as error:
        raise DataError(f"expected the predictions of a run, received {path}: {error}") from error
    return Predictions(split, class_names, [line[0] for line in lines], labels, probabilities)
