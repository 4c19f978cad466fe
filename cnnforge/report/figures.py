"""The measures of an evaluation as people read them, in the report, the model card, a terminal and a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cnnforge.evaluation import MEASURES, measure_specs
from cnnforge.host import MeasureSpec, Registry
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


def measured_figures(evaluation: Mapping[str, Any], registry: Registry) -> list[Figure]:
    """Return the measures that an evaluation has, the core's first; of an older one those that it has."""
    older = {spec.name: evaluation[spec.name] for spec in MEASURES if spec.name in evaluation}
    found, specs = {**older, **evaluation.get("measures", {})}, measure_specs(registry)
    ordered = [*(name for name in specs if name in found), *(name for name in found if name not in specs)]
    return [_figure(name, found[name], specs.get(name)) for name in ordered]


def _figure(name: str, value: Any, spec: MeasureSpec | None) -> Figure:
    known = value if formats.is_number(value) else None
    text = formats.percent(known) if spec is not None and spec.percent else formats.number(known, _DIGITS)
    return Figure(name, spec.title if spec else name, text, spec.better if spec else "")
