"""The measures of an evaluation as people read them, in a report, a terminal and a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

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


FEW = 10
"""Of fewer images a count is shown in place of a share."""

_UNEVEN = 2  # classes are uneven with more than so many times as many images of one as of another


class ClassFigures(NamedTuple):
    """What an evaluation says of a class; the 95 % intervals of precision and recall are empty in an older one."""

    name: str
    num_images: int
    precision: str
    recall: str
    f1: str
    intervals: tuple[str, str]


class LeadingFigure(NamedTuple):
    """A figure that an evaluation is summed up in, with its 95 % interval if ``evaluation.json`` has one."""

    title: str
    value: float
    text: str
    interval: Sequence[float] | None


def share(number: int, total: int) -> str:
    """Return a share as a percentage, or as a count where there are too few for a percentage to say anything."""
    if not total:
        return formats.NOTHING
    return formats.percent(number / total) if total >= FEW else f"{number} of {total}"


def class_figures(evaluation: Mapping[str, Any]) -> list[ClassFigures]:
    """Return what the content of an ``evaluation.json`` says of each class, in the order of the classes."""
    figures = []
    for i, (row, counts) in enumerate(zip(evaluation["per_class"], evaluation["confusion_matrix"], strict=True)):
        answers = sum(line[i] for line in evaluation["confusion_matrix"])
        precision, recall = share(counts[i], answers), share(counts[i], sum(counts))
        f1 = formats.percent(row["f1"]) if sum(counts) >= FEW else formats.NOTHING
        limits = [
            evaluation[key][i] if key in evaluation else None for key in ("precision_intervals", "recall_intervals")
        ]
        intervals = (formats.interval(limits[0]), formats.interval(limits[1]))
        figures.append(ClassFigures(row["name"], sum(counts), precision, recall, f1, intervals))
    return figures


def leading_figures(evaluation: Mapping[str, Any]) -> list[LeadingFigure]:
    """Return the accuracy; before it the balanced accuracy where the classes are uneven, which accuracy alone hides."""
    pairs = [(row[i], sum(row)) for i, row in enumerate(evaluation["confusion_matrix"]) if any(row)]
    counts = [total for _, total in pairs]
    text = share(sum(right for right, _ in pairs), sum(counts))
    accuracy = LeadingFigure("accuracy", evaluation["accuracy"], text, evaluation.get("accuracy_interval"))
    if max(counts) <= _UNEVEN * min(counts):
        return [accuracy]
    mean, interval = sum(right / n for right, n in pairs) / len(pairs), evaluation.get("balanced_accuracy_interval")
    return [LeadingFigure("balanced accuracy", mean, formats.percent(mean), interval), accuracy]


def summary_rows(evaluation: Mapping[str, Any], specs: Mapping[str, MeasureSpec]) -> list[tuple[str, str]]:
    """Return every measure of an evaluation with its title: what leads, its intervals, the others, the baseline."""
    leading = leading_figures(evaluation)
    titles = {figure.title for figure in leading}
    others = [f for f in measured_figures(evaluation, specs) if f.title.lower() not in titles]
    return [
        *((f.title.capitalize(), f.text) for f in leading),
        *((f"{f.title.capitalize()}, 95 % interval", formats.interval(f.interval)) for f in leading if f.interval),
        *((figure.title, figure.text) for figure in others),
        (f"Accuracy of always “{evaluation['baseline_class']}”", formats.percent(evaluation["baseline_accuracy"])),
    ]


def verdict(evaluation: Mapping[str, Any]) -> str:
    """Return in a sentence how the accuracy compares with that of always giving the same answer."""
    (low, high), baseline = evaluation["accuracy_interval"], evaluation["baseline_accuracy"]
    if low > baseline:
        return "The whole interval lies above that baseline: the network has learned something."
    if high < baseline:
        return "The whole interval lies below that baseline: something is wrong with the training or with the labels."
    return "The interval includes that baseline: there is no evidence that the network has learned anything."
