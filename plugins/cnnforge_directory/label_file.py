"""Labels from a CSV file with the columns name, label and maybe split."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from shlex import quote

from cnnforge import ImageFiles
from cnnforge.errors import DataError, did_you_mean
from cnnforge.images import meant_name, seen_name, splits_of_names
from cnnforge_directory.labelled_file import LabelledFile

_REQUIRED = ("name", "label")
_COLUMNS = (*_REQUIRED, "split")
_MAX_SHOWN = 5
_SEPARATORS = ",;\t|"
_SEPARATOR_LINE = re.compile(r"\"?sep=(.)\"?\r?\n")  # Excel's
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_label_file(path: Path, files: ImageFiles) -> list[LabelledFile]:
    """Return the images that a CSV file names, with their classes and splits.

    Args:
        path: CSV in UTF-8, UTF-16 or UTF-32 with a header, separated by commas, semicolons, tabs or bars; names are
            relative to the folder or archive, with ``/``.
        files: The files of the folder or archive.

    Raises:
        DataError: The file cannot be read, or a line of it is wrong; says which.
    """
    names = _Names(files)
    lines: dict[str, tuple[int, LabelledFile]] = {}
    problems: list[str] = []
    for line, item in _rows(path):
        name = names.match(item.name)
        if name is None:
            problems.append(f"line {line}: {names.problem(item.name) if len(problems) < _MAX_SHOWN else ''}")
        elif name in lines:
            problems.append(f"line {line}: name={item.name!r} stands on line {lines[name][0]} already")
        else:
            lines[name] = line, item._replace(name=name)
    _raise_if_any(problems, path)
    return list(_with_splits(lines.values(), path))


class _Names:
    """The files by the names that a CSV may give them."""

    def __init__(self, files: ImageFiles) -> None:
        self._location = files.location
        self._known = {file.name for file in files.files}
        self._reasons = {left.name: left.reason for left in files.left_out}
        self._by_sight: dict[str, list[str]] = {}
        for name in self._known:
            self._by_sight.setdefault(_path(name), []).append(name)

    def match(self, name: str) -> str | None:
        """Return the file of that name, or the only one whose name looks like it."""
        if name in self._known:
            return name
        alike = self._by_sight.get(_path(name), ())
        return alike[0] if len(alike) == 1 else None

    def problem(self, name: str) -> str:
        """Return why a name stands for no file."""
        reason = self._reasons.get(name, "no such file")
        respelled = next((known for known in self._known if meant_name(known) == meant_name(name)), None)
        reason += f", but there is {respelled!r}" if respelled else ""
        return f"expected a file in {self._location}, received name={name!r}: {reason}"


def _path(name: str) -> str:
    return seen_name(name).replace("\\", "/").removeprefix("./")


def _rows(path: Path) -> Iterator[tuple[int, LabelledFile]]:
    try:
        text = _text(path)
        start = _SEPARATOR_LINE.match(text)
        lines = io.StringIO(text[start.end() if start else 0 :], newline="")
        separator, quotation = _dialect(text if start is None else text[start.end() :], start[1] if start else "")
        reader = csv.DictReader(lines, strict=True, delimiter=separator, quotechar=quotation, skipinitialspace=True)
        reader.fieldnames = [seen_name(column).casefold() for column in reader.fieldnames or ()]
        _check_header(reader.fieldnames, path)
        for row in reader:
            line = reader.line_num + (start is not None)
            yield line, _labelled_file(row, f"label file {path}, line {line}")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"cannot read the label file {path}: {reason}") from error


def _text(path: Path) -> str:
    """Return the text of a file in the encoding that its first bytes tell.

    Raises:
        DataError: It is none of Unicode's, so that nobody can know what its letters are.
    """
    content = path.read_bytes()
    if content.startswith(b"PK"):
        raise DataError(f"expected a CSV file, received {path}, a workbook or archive", hint="save it as CSV in UTF-8")
    encoding = next((encoding for mark, encoding in _MARKS if content.startswith(mark)), None)
    if encoding is None and b"\0" in content[:4]:
        encoding = "utf-16-be" if content[:1] == b"\0" else "utf-16-le"
    try:
        return content.decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        if encoding:
            raise
        line = content[: error.start].count(b"\n") + 1
        shown = content.splitlines()[line - 1][:80].decode("cp1252", "replace")
        raise DataError(
            f"expected the label file {path} in UTF-8, received another encoding: line {line} may be {shown!r}, in"
            " Windows-1252",
            hint=f"save it as UTF-8: iconv -f WINDOWS-1252 -t UTF-8 {quote(str(path))} > labels-utf8.csv",
        ) from error


def _dialect(text: str, separator: str) -> tuple[str, str]:
    """Return what separates the columns, and what quotes them, by the first line."""
    header = re.split(r"[\r\n]", text, maxsplit=1)[0]
    quotation = "'" if header.lstrip().startswith("'") else '"'
    return separator or max(_SEPARATORS, key=header.count), quotation


def _check_header(columns: Sequence[str], path: Path) -> None:
    unknown = [c for c in columns if c not in _COLUMNS]
    missing = [c for c in _REQUIRED if c not in columns]
    if unknown or missing or len(set(columns)) != len(columns):
        guess = did_you_mean(unknown[0], _COLUMNS) if unknown else ""
        raise DataError(
            f"expected the columns name, label and maybe split in {path},"
            f" received {', '.join(columns) or 'none'}.{guess}"
        )


def _labelled_file(row: Mapping[str, str], where: str) -> LabelledFile:
    if None in row or None in row.values():
        raise DataError(f"{where}: expected one value for each column, received more or fewer")
    name, label, split = row["name"], seen_name(row["label"]), row.get("split")
    if not name or not label:
        raise DataError(f"{where}: expected a name and a label, received name={name!r}, label={label!r}")
    return LabelledFile(name, label, seen_name(split or "") or None)


def _with_splits(found: Collection[tuple[int, LabelledFile]], path: Path) -> Iterator[LabelledFile]:
    """Yield the images with the split that the word in the file means."""
    without = [item.name for _, item in found if item.split is None]
    if without and len(without) < len(found):
        raise DataError(
            f"expected a split for every image of {path} or for none, received {len(without)} without,"
            f" the first name={without[0]!r}"
        )
    words = list(dict.fromkeys(item.split for _, item in found if item.split))
    split_of = dict(zip(words, splits_of_names(words), strict=True))
    for line, item in found:
        if item.split and not split_of[item.split]:
            raise DataError(
                f"label file {path}, line {line}: expected split train, validation or test,"
                f" received split={item.split!r}",
                hint="say for each image which of the three it is for; of numbered folds, choose one for test",
            )
        yield item._replace(split=split_of.get(item.split or ""))


def _raise_if_any(problems: list[str], path: Path) -> None:
    if problems:
        more = [f"and {len(problems) - _MAX_SHOWN} more"] if len(problems) > _MAX_SHOWN else []
        raise DataError(f"label file {path} does not fit:\n  " + "\n  ".join(problems[:_MAX_SHOWN] + more))
