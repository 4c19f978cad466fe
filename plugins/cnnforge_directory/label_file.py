"""Labels from a CSV file with the columns name, label and maybe split."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from cnnforge import ImageFiles
from cnnforge.errors import DataError, did_you_mean
from cnnforge.images import SPLIT_OF_NAME
from cnnforge_directory.labelled_file import LabelledFile

_REQUIRED = ("name", "label")
_COLUMNS = (*_REQUIRED, "split")
_MAX_SHOWN = 5


def read_label_file(path: Path, files: ImageFiles) -> list[LabelledFile]:
    """Return the images that a CSV file names, with their classes and splits.

    Args:
        path: CSV in UTF-8 with a header; names are relative to the folder or archive, with ``/``.
        files: The files of the folder or archive.

    Raises:
        DataError: The file cannot be read, or a line of it is wrong; says which.
    """
    known = {file.name for file in files.files}
    reasons = {left.name: left.reason for left in files.left_out}
    line_of: dict[str, int] = {}
    found, problems = [], []
    for line, item in _rows(path):
        if item.name in line_of:
            problems.append(f"line {line}: name={item.name!r} stands on line {line_of[item.name]} already")
        elif item.name not in known:
            reason = reasons.get(item.name, "no such file")
            problems.append(f"line {line}: expected a file in {files.location}, received name={item.name!r}: {reason}")
        line_of.setdefault(item.name, line)
        found.append(item)
    _raise_if_any(problems, path)
    _check_splits(found, path)
    return found


def _rows(path: Path) -> Iterator[tuple[int, LabelledFile]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            _check_header(reader.fieldnames or (), path)
            for row in reader:
                yield reader.line_num, _labelled_file(row, f"label file {path}, line {reader.line_num}")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"cannot read the label file {path}: {reason}") from error


def _check_header(columns: Sequence[str], path: Path) -> None:
    unknown = [c for c in columns if c not in _COLUMNS]
    missing = [c for c in _REQUIRED if c not in columns]
    if unknown or missing or len(set(columns)) != len(columns):
        guess = did_you_mean(unknown[0], _COLUMNS) if unknown else ""
        raise DataError(
            f"expected the columns name, label and maybe split in {path},"
            f" received {', '.join(columns) or 'none'}.{guess}"
        )


def _labelled_file(row: dict[str | None, str | None], where: str) -> LabelledFile:
    if None in row or None in row.values():
        raise DataError(f"{where}: expected one value for each column, received more or fewer")
    name, label, split = row["name"], (row["label"] or "").strip(), row.get("split")
    if not name or not label:
        raise DataError(f"{where}: expected a name and a label, received name={name!r}, label={label!r}")
    if split and split.lower() not in SPLIT_OF_NAME:
        raise DataError(f"{where}: expected split train, validation or test, received split={split!r}")
    return LabelledFile(name, label, SPLIT_OF_NAME[split.lower()] if split else None)


def _check_splits(found: list[LabelledFile], path: Path) -> None:
    without = [item.name for item in found if item.split is None]
    if without and len(without) < len(found):
        raise DataError(
            f"expected a split for every image of {path} or for none, received {len(without)} without,"
            f" the first name={without[0]!r}"
        )


def _raise_if_any(problems: list[str], path: Path) -> None:
    if problems:
        more = [f"and {len(problems) - _MAX_SHOWN} more"] if len(problems) > _MAX_SHOWN else []
        raise DataError(f"label file {path} does not fit:\n  " + "\n  ".join(problems[:_MAX_SHOWN] + more))
