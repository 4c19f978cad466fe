"""How predictions are printed, row by row as they come: a table, CSV, JSON, or JSON lines."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cnnforge.evaluation import Ranked, answer
from cnnforge.report import numbers as formats
from cnnforge.system import one_line, spreadsheet_cell

if TYPE_CHECKING:
    from cnnforge.running import Prediction


@dataclass(frozen=True, slots=True)
class Format:
    """How rows become text: what stands before, between and after them."""

    row: Callable[[Prediction, Ranked], str]
    before: str = ""
    between: str = "\n"
    after: str = "\n"


def make_format(name: str, class_names: Sequence[str], top: int | None) -> Format:
    """Return a format.

    Args:
        name: ``table``, ``csv``, ``json`` or ``json-lines``.
        class_names: In the order of the network's outputs.
        top: How many of the most probable classes; None: the first in a table, all of them elsewhere.
    """
    top = top and min(top, len(class_names))
    if name == "table":
        return _table(class_names, top or 1)
    if name == "csv":
        csv_form = _csv_of_best(top) if top else _csv_of_all(class_names)
        return _on_terminal(csv_form) if sys.stdout.isatty() else csv_form

    def row(prediction: Prediction, ranked: Ranked) -> str:
        if not ranked:
            return json.dumps({"name": prediction.name, "error": prediction.reason})
        return json.dumps(answer(prediction.name, ranked, top))

    return Format(row) if name == "json-lines" else Format(row, "[\n", ",\n", "\n]\n")


def _on_terminal(exact: Format) -> Format:
    return Format(lambda *row: one_line(exact.row(*row)), one_line(exact.before.removesuffix("\n")) + "\n")


def _table(class_names: Sequence[str], top: int) -> Format:
    """Return columns whose width is known beforehand, the file last since its name may be of any length."""
    width = max(5, *(len(one_line(name)) for name in class_names))

    def line(cells: Iterable[tuple[str, str]], last: str) -> str:
        return "".join(f"{name:{width}}  {text:>7}  " for name, text in cells) + last

    def row(prediction: Prediction, ranked: Ranked) -> str:
        if not ranked:
            return line([("-", "-")] * top, one_line(f"{prediction.name}: {prediction.reason}"))
        percents = [(one_line(name), formats.percent(p).replace("\N{NO-BREAK SPACE}", " ")) for name, p in ranked[:top]]
        return line(percents, one_line(prediction.name))

    header = line([("class", "")] * top, "file")
    return Format(row, f"{header}\n{line([('-' * width, '-' * 7)] * top, '----')}\n")


def _csv_of_all(class_names: Sequence[str]) -> Format:
    def row(prediction: Prediction, ranked: Ranked) -> str:
        by_name = dict(ranked)
        probabilities = [by_name.get(name, "") for name in class_names]
        return _csv_line([prediction.name, ranked[0][0] if ranked else "", *probabilities, prediction.reason])

    return Format(row, _csv_line(["name", "predicted", *(f"p_{name}" for name in class_names), "error"]) + "\n")


def _csv_of_best(top: int) -> Format:
    def row(prediction: Prediction, ranked: Ranked) -> str:
        cells = [value for pair in ranked[:top] for value in pair] or [""] * (2 * top)
        return _csv_line([prediction.name, *cells, prediction.reason])

    columns = [f"{kind}_{rank}" for rank in range(1, top + 1) for kind in ("class", "p")]
    return Format(row, _csv_line(["name", *columns, "error"]) + "\n")


def _csv_line(cells: Sequence[Any]) -> str:
    line = io.StringIO()
    # Numbers as in a run's predictions.csv, where 1 is not written 1.0.
    texts = [f"{cell:.9g}" if isinstance(cell, float) else spreadsheet_cell(cell) for cell in cells]
    csv.writer(line, lineterminator="\n").writerow(texts)
    return line.getvalue().removesuffix("\n")
