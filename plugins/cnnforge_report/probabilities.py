"""What the report says of a network's probabilities: how well they rank, and whether they mean what they say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from cnnforge.report import RunFiles, numbers
from cnnforge_report.fragments import fragment
from cnnforge_report.unit_chart import Line, Mark, unit_chart

_MAX_CURVES = 3
_HONEST = 0.02  # a smaller distance of mean probability and accuracy is not worth a warning
_KNOWN = 0.1  # an interval of the accuracy that is wider than this is no ground for trust


@dataclass(frozen=True, slots=True)
class Charted:
    """A chart, what it says in a sentence or two, and the names of its lines, each with its CSS class and figure."""

    chart: Markup
    sentences: list[str]
    legend: list[tuple[str, str, str]]


def trust(files: RunFiles) -> str:
    """Return the section; empty where nothing of it was measured."""
    reliability, ranking = calibration(files), _roc(files)
    return fragment("trust", files, calibration=reliability, roc=ranking) if reliability or ranking else ""


def _roc(files: RunFiles) -> Charted | None:
    """Return the ROC curve; of several classes those with the smallest areas. None where it was not measured."""
    evaluation = files.evaluation
    curves, area = evaluation.get("roc_curves"), evaluation.get("roc_auc")
    if not curves or area is None:
        return None
    areas = {row["name"]: row["roc_auc"] for row in evaluation["per_class"]}
    drawn = sorted(curves, key=lambda curve: float(areas[curve["name"]]))[:_MAX_CURVES]
    legend = [(f"line-{i}", curve["name"], numbers.number(areas[curve["name"]], 3)) for i, curve in enumerate(drawn)]
    lines = [Line(style, _points(curve)) for (style, *_), curve in zip(legend, drawn, strict=True)]
    is_binary = len(evaluation["class_names"]) == 2
    sentences = [
        _pair_sentence(area, evaluation["class_names"]) if is_binary else _mean_sentence(area, len(drawn), curves)
    ]
    described = "; ".join(f"{name}: area {value}" for _, name, value in legend)
    chart = unit_chart("roc", "ROC curve", f"Area under the curve. {described}.", axes=_ROC_AXES, lines=lines)
    return Charted(chart, sentences, [] if is_binary else legend)


_ROC_AXES = ("others taken for the class, %", "found of the class, %")


def _points(curve: dict[str, Any]) -> list[tuple[float, float]]:
    return list(zip(curve["false_positive_rate"], curve["true_positive_rate"], strict=True))


def _pair_sentence(area: float, class_names: list[str]) -> str:
    return (
        f"Area under the curve: {numbers.number(area, 3)}. Of a “{class_names[1]}” and a “{class_names[0]}” drawn at"
        f" random, the network finds the “{class_names[1]}” the likelier one in {numbers.percent(area)} of pairs."
    )


def _mean_sentence(area: float, num_drawn: int, curves: list[Any]) -> str:
    shown = "all of them" if num_drawn == len(curves) else f"the {num_drawn} classes with the smallest areas"
    return f"Area under the curve, mean over classes: {numbers.number(area, 3)}. Drawn: {shown}, each against the rest."


def calibration(files: RunFiles) -> Charted | None:
    """Return how often the network is right over how sure it says it is; None where it was not measured."""
    evaluation = files.evaluation
    bins = evaluation.get("reliability")
    if not bins:
        return None
    said = sum(b["num_images"] * b["confidence"] for b in bins) / evaluation["num_images"]
    marks = [_mark(b) for b in bins]
    start = 0.5 if len(evaluation["class_names"]) == 2 and all(b["accuracy_interval"][0] >= 0.5 for b in bins) else 0.0
    description = f"{' '.join(f'{mark.text}.' for mark in marks)} The diagonal would be probabilities that hold."
    chart = unit_chart(
        "calibration",
        "Reliability",
        description,
        axes=("the network says, %", "it is right, %"),
        marks=marks,
        start=start,
    )
    return Charted(chart, [_verdict(said, evaluation)], [])


def _mark(b: dict[str, Any]) -> Mark:
    low, high = b["accuracy_interval"]
    said, right = numbers.percent(b["confidence"], 0), numbers.percent(b["accuracy"], 0)
    text = f"Says {said}, is right {right} of {b['num_images']:,}"
    return Mark(b["confidence"], b["accuracy"], low, high, text)


def _verdict(said: float, evaluation: dict[str, Any]) -> str:
    accuracy, (low, high) = evaluation["accuracy"], evaluation["accuracy_interval"]
    told = f"On average the network says {numbers.percent(said)} and is right {numbers.percent(accuracy)} of the time"
    is_honest = abs(said - accuracy) <= _HONEST
    if low <= said <= high and (not is_honest or high - low > _KNOWN):
        return f"{told}, on too few images ({evaluation['num_images']:,}) to tell more: the difference may be chance."
    if is_honest:
        return f"{told}: its probabilities can be taken at their word."
    if said > accuracy:
        return f"{told}: it is too sure of itself, so its probabilities must not be taken at their word."
    return f"{told}: it is right more often than it says (under-confident)."
