"""The result of a run: its accuracy against the baseline, and the figures under it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from cnnforge.report import LeadingFigure, RunFiles, charts, leading_figures, numbers, verdict
from cnnforge_report.curves import has
from cnnforge_report.fragments import fragment
from cnnforge_report.record import number_in


def result(files: RunFiles) -> Markup:
    """Return the accuracy and the facts of a run."""
    return fragment("result", files, headline=_headline(files), facts=_facts(files))


@dataclass(frozen=True, slots=True)
class _Headline:
    """The result in one figure and a few sentences."""

    label: str
    value: str
    interval: str
    sentences: list[str]
    chart: Markup


def _headline(files: RunFiles) -> _Headline | None:
    """Return the accuracy on the evaluated split, or the validation accuracy where no evaluation was made."""
    if files.evaluation:
        return _evaluated(files)
    measured = [(line["val_accuracy"], line["epoch"]) for line in files.epochs if has(line, "val_accuracy")]
    if not measured:
        return None
    kept = [pair for pair in measured if pair[1] == files.run.get("best_epoch")]
    accuracy, epoch = kept[0] if kept else measured[-1]
    sentence = f"Measured on the validation {files.noun} after epoch {epoch}; the test {files.noun} were not evaluated."
    return _Headline("Validation accuracy", numbers.percent(accuracy), "", [sentence], Markup())


def _evaluated(files: RunFiles) -> _Headline:
    evaluation = files.evaluation
    leading, *others = leading_figures(evaluation)
    baseline, total, things = evaluation["baseline_accuracy"], evaluation["num_images"], files.noun
    num_right = sum(row[i] for i, row in enumerate(evaluation["confusion_matrix"]))
    told = (
        f"Right on {num_right:,} of {total:,} {evaluation['split']} {things}; always answering "
        f"“{evaluation['baseline_class']}” would be right on {numbers.percent(baseline)}."
    )
    accuracy = others[0] if others else leading
    return _Headline(
        f"{evaluation['split'].capitalize()} {leading.title}",
        leading.text,
        f"95 % interval {numbers.interval(leading.interval)}" if leading.interval else "",
        [*(_uneven(evaluation, other) for other in others), told, verdict(evaluation)],
        _interval_chart(accuracy.value, evaluation["accuracy_interval"], baseline),
    )


def _uneven(evaluation: Mapping[str, Any], accuracy: LeadingFigure) -> str:
    """Return why the accuracy is not the first figure."""
    counts = [sum(row) for row in evaluation["confusion_matrix"]]
    fewest = min(filter(None, counts))
    rare, common = (evaluation["class_names"][counts.index(number)] for number in (fewest, max(counts)))
    return (
        f"The classes are uneven ({fewest:,} of “{rare}”, {max(counts):,} of “{common}”): balanced accuracy is the mean"
        f" of what is found of each class. Accuracy, which rare classes hardly count in, is {accuracy.text}"
        f" (95 % interval {numbers.interval(accuracy.interval)})."
    )


def _facts(files: RunFiles) -> list[tuple[str, str]]:
    """Return the figures under the headline, each with its label; those that are unknown are left out."""
    run, seconds = files.run, number_in(files.run, "seconds", "training")
    candidates = [
        ("best epoch", f"{run.get('best_epoch')} of {len(files.epochs)}", run.get("best_epoch")),
        ("parameters", numbers.count(number_in(run, "model", "num_parameters")), run.get("model")),
        ("training time", numbers.duration(seconds), seconds),
        (
            "images per second" + (f", {run['speed_phase']}" if "speed_phase" in run else ""),
            numbers.count(number_in(run, "images_per_second")),
            run.get("images_per_second"),
        ),
        ("precision", str(run.get("precision", {}).get("policy")), run.get("precision")),
        ("peak memory", numbers.size(number_in(run, "peak_memory_bytes")), run.get("peak_memory_bytes")),
    ]
    return [(label, text) for label, text, known in candidates if known]


def _interval_chart(share: float, interval: tuple[float, float], baseline: float) -> Markup:
    """Return a scale from 0 to 100 % with a measured share, its interval and the baseline it has to beat."""
    x = charts.Scale(0, 1, 3, charts.WIDTH - 3)
    low, high = max(interval[0], 0), min(interval[1], 1)
    body = Markup(
        '<line class="track" x1="{x0}" x2="{x1}" y1="34" y2="34"/>'
        '<line class="baseline" x1="{b}" x2="{b}" y1="22" y2="46"/>'
        '<text class="axis" x="{b}" y="14" text-anchor="{anchor}">baseline {baseline}</text>'
        '<path class="interval" d="M{low} 34H{high}M{low} 27V41M{high} 27V41"/>'
        '<circle class="measured" cx="{m}" cy="34" r="3.5"/>'
        '<text class="axis" x="0" y="60">0</text>'
        '<text class="axis" x="{width}" y="60" text-anchor="end">100 %</text>'
    ).format(
        x0=x(0), x1=x(1), b=x(baseline), m=x(share), low=x(low), high=x(high),
        anchor=charts.anchor(baseline), baseline=numbers.percent(baseline), width=charts.WIDTH,
    )  # fmt: skip
    description = (
        f"{numbers.percent(share)} on a scale from 0 to 100 %, between {numbers.percent(low)} and "
        f"{numbers.percent(high)} with 95 % confidence; the baseline is {numbers.percent(baseline)}."
    )
    return charts.svg("interval", "Accuracy against the baseline", description, (charts.WIDTH, 68), body)
