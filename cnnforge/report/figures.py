"""The measures of an evaluation as people read them, in a report, a terminal and a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cnnforge.evaluation import MEASURES
from cnnforge.host import MeasureSpec
from cnnforge.report import numbers as formats

_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Figure:
    """A measure of an evaluation.

    Args:
        name: Of the measure.
        title: Its title; its name if no plugin brings it any more.
        text: The figure.
        better: ``higher`` or ``lower``; empty if no plugin brings it any more.
    """

    name: str
    title: str
    text: str
    better: str


def measured_figures(evaluation: Mapping[str, Any], specs: Mapping[str, MeasureSpec]) -> list[Figure]:
    """Return the measures that an evaluation has, the core's first; of an older one those that it has.

    Args:
        evaluation: The content of ``evaluation.json``.
        specs: The measures by name, as ``cnnforge.evaluation.measure_specs`` returns them.
    """
    older = {spec.name: evaluation[spec.name] for spec in MEASURES if spec.name in evaluation}
    values = {**older, **evaluation.get("measures", {})}
    ordered = [*(name for name in specs if name in values), *(name for name in values if name not in specs)]
    return [_figure(name, values[name], specs.get(name)) for name in ordered]


def _figure(name: str, value: Any, spec: MeasureSpec | None) -> Figure:
    known = value if formats.is_number(value) else None
    text = formats.percent(known) if spec is not None and spec.percent else formats.number(known, _DIGITS)
    return Figure(name, spec.title if spec else name, text, spec.better if spec else "")
