"""The pictures of a study as inline SVG, in the look of the report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from cnnforge.report import HEIGHT, WIDTH, Scale, charts, number, svg

_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 14, 40
_AXIS_WIDTH = 92
_LONGEST = 14  # characters of a value or a name under an axis

Trial = Mapping[str, Any]
Space = Mapping[str, Any]


def position(space: Space, value: Any) -> float:
    """Return where a value lies in the range of its hyperparameter, from 0 to 1."""
    if space["kind"] == "choice":
        return float(space["values"].index(value) / max(1, len(space["values"]) - 1))
    low, high = space["low"], space["high"]
    if low == high:
        return 0.5
    if space["log"]:
        return math.log(value / low) / math.log(high / low)
    return float((value - low) / (high - low))


def learning_curves(trials: Sequence[Trial], best: str | None, objective: str) -> Markup:
    """Return the objective of each epoch of every trial, the best in colour, the pruned dashed."""
    drawn = [trial for trial in trials if any(map(math.isfinite, trial["history"]))]
    x, ticks, y = _plane(max(len(t["history"]) for t in drawn), [v for t in drawn for v in t["history"]])
    order = sorted(drawn, key=lambda trial: trial["trial"] == best)  # the best on top of the others
    body = [*_grid(ticks, y), *_epochs(x), *(_curve(trial, trial["trial"] == best, x, y, objective) for trial in order)]
    text = f"{objective} after each epoch of {len(drawn)} trials; trial {best} is the best."
    return svg("curves", "Learning curves of all trials", text, (WIDTH, HEIGHT), Markup("").join(body))


def parallel_coordinates(trials: Sequence[Trial], spaces: Sequence[Space], best: str | None, objective: str) -> Markup:
    """Return a line for each trial through its values, one axis for each setting, the last for the objective."""
    scored = sorted((t for t in trials if t["score"] is not None), key=lambda t: t["trial"] == best)
    scores = [t["score"] for t in scored]
    width = max(WIDTH, _AXIS_WIDTH * (len(spaces) + 1))
    xs = [_AXIS_WIDTH / 2 + i * (width - _AXIS_WIDTH) / len(spaces) for i in range(len(spaces) + 1)]
    y = Scale(0, 1, HEIGHT - _BOTTOM, _TOP + 14)
    span = max(scores) - min(scores) or 1.0
    body = [_axis(x, s["label"], *_ends(s), y) for x, s in zip(xs, spaces, strict=False)]
    body.append(_axis(xs[-1], objective, number(min(scores)), number(max(scores)), y))
    for trial in scored:
        passed = [(x, s) for x, s in zip(xs, spaces, strict=False) if s["name"] in trial["values"]]
        points = [(x, y(position(s, trial["values"][s["name"]]))) for x, s in passed]
        points.append((xs[-1], y((trial["score"] - min(scores)) / span)))
        path = " ".join(f"{'L' if i else 'M'}{round(x, 1)} {height}" for i, (x, height) in enumerate(points))
        shade = (trial["score"] - min(scores)) / span
        body.append(_path(trial, path, best, shade, f"{objective} {number(trial['score'])}"))
    text = f"{len(scored)} trials; each line passes the values of one trial and ends at its {objective}."
    return svg("parallel", "Parallel coordinates", text, (width, HEIGHT), Markup("").join(body))


def slice_chart(trials: Sequence[Trial], space: Space, best: str | None, objective: str) -> Markup:
    """Return a dot for each trial that has the setting: its value against the objective."""
    scored = [t for t in trials if t["score"] is not None and space["name"] in t["values"]]
    _, ticks, y = _plane(1, [t["score"] for t in scored])
    x = Scale(0, 1, _LEFT + 14, WIDTH - _RIGHT - 14)
    low, high = _ends(space)
    body = [*_grid(ticks, y)]
    for place, text, anchor in ((0, low, "start"), (1, high, "end")):
        body.append(_text(x(place), HEIGHT - _BOTTOM + 18, text, anchor))
    if space["kind"] != "choice" and space["log"]:
        body.append(_text((x.start + x.end) / 2, HEIGHT - _BOTTOM + 18, "log scale", "middle"))
    for trial in sorted(scored, key=lambda t: t["trial"] == best):
        value = trial["values"][space["name"]]
        body.append(
            Markup('<circle class="dot {}" cx="{}" cy="{}" r="4"><title>{}</title></circle>').format(
                "best" if trial["trial"] == best else "",
                x(position(space, value)), y(trial["score"]),
                f"trial {trial['trial']}: {space['label']} {_short(value)}, {objective} {number(trial['score'])}",
            )
        )  # fmt: skip
    text = f"{objective} of {len(scored)} trials against {space['label']}, from {low} to {high}."
    return svg(
        f"slice-{space['id']}", f"{objective} against {space['label']}", text, (WIDTH, HEIGHT), Markup("").join(body)
    )


def seeds_chart(confirmed: Sequence[Mapping[str, Any]], what: str) -> Markup:
    """Return for each configuration a dot for each fresh seed, their mean and its 95 % interval."""
    drawn = [item for item in confirmed if item["accuracy"]]
    ends = [v for item in drawn for v in (*item["accuracy"], *(item["accuracy_interval"] or ()))]
    low, high = max(0.0, min(ends)), min(1.0, max(ends))
    ticks = charts.ticks(low, max(high, low + 0.01), ceiling=1.0)
    x = Scale(ticks[0], ticks[-1], 88, WIDTH - 20)
    bottom = 24 + 34 * len(drawn)
    body = [_line("grid", x(t), x(t), 8, bottom) for t in ticks]
    body += [_text(x(t), bottom + 16, f"{100 * t:g} %", "middle") for t in ticks]
    for row, item in enumerate(drawn):
        body += _seeds(item, x, 28 + 34 * row, (ticks[0], ticks[-1]))
    text = "; ".join(f"{_name(item)}: mean {100 * item['mean_accuracy']:.1f} %" for item in drawn)
    return svg("seeds", f"{what} accuracy on fresh seeds", text, (WIDTH, bottom + 24), Markup("").join(body))


def _seeds(item: Mapping[str, Any], x: Scale, y: int, limits: tuple[float, float]) -> list[Markup]:
    style = "baseline" if item["name"] == "default" else "interval"
    parts = [_text(0, y + 4, _name(item), "start")]
    if item["accuracy_interval"]:
        low, high = (min(max(end, limits[0]), limits[1]) for end in item["accuracy_interval"])
        parts.append(_line(style, x(low), x(high), y, y))
    parts += [Markup('<circle class="seed" cx="{}" cy="{}" r="3.5"/>').format(x(a), y) for a in item["accuracy"]]
    mean = x(item["mean_accuracy"])
    return [*parts, _line(style, mean, mean, y - 9, y + 9)]


def _name(item: Mapping[str, Any]) -> str:
    return str(item["name"]) if item["name"] == "default" else f"trial {item['name']}"


def _plane(num_epochs: int, values: Sequence[float]) -> tuple[Scale, list[float], Scale]:
    finite = [value for value in values if math.isfinite(value)]
    pad = 0.05 * (max(finite) - min(finite))
    ceiling = 1.0 if max(finite) <= 1 else math.inf
    ticks = charts.ticks(min(finite), min(max(finite) + pad, ceiling), ceiling)
    last = max(2, num_epochs)
    return Scale(1, last, _LEFT + 10, WIDTH - _RIGHT), ticks, Scale(ticks[0], ticks[-1], HEIGHT - _BOTTOM, _TOP)


def _grid(ticks: Sequence[float], y: Scale) -> list[Markup]:
    lines = [_line("grid", _LEFT, WIDTH - _RIGHT, y(tick), y(tick)) for tick in ticks]
    return [*lines, *(_text(_LEFT - 6, y(tick) + 4, f"{tick:g}", "end") for tick in ticks)]


def _epochs(x: Scale) -> list[Markup]:
    ticks = charts.epoch_ticks(1, int(x.high))
    labels = [_text(x(tick), HEIGHT - _BOTTOM + 18, str(tick), "middle") for tick in ticks]
    return [*labels, _text((x.start + x.end) / 2, HEIGHT - 4, "epoch", "middle")]


def _curve(trial: Trial, is_best: bool, x: Scale, y: Scale, objective: str) -> Markup:
    points = [(x(epoch), y(v)) for epoch, v in enumerate(trial["history"], start=1) if math.isfinite(v)]
    path = " ".join(f"{'L' if i else 'M'}{px} {py}" for i, (px, py) in enumerate(points))
    score = f"{objective} {number(trial['score'])}" if trial["score"] is not None else trial["status"]
    dot = Markup('<circle cx="{}" cy="{}" r="2.4"/>').format(*points[-1])
    line = _path(trial, path, trial["trial"] if is_best else None, 0.4, score)
    return Markup('<g class="{}">{}{}</g>').format("trial best" if is_best else f"trial {trial['status']}", line, dot)


def _path(trial: Trial, path: str, best: str | None, shade: float, what: str) -> Markup:
    is_best = trial["trial"] == best
    return Markup('<path class="{}" style="--shade:{:.2f}" d="{}"><title>{}</title></path>').format(
        "thread best" if is_best else "thread", 0.15 + 0.6 * shade, path, f"trial {trial['trial']}: {what}"
    )


def _axis(x: float, label: str, low: str, high: str, y: Scale) -> Markup:
    x = round(x, 1)
    return Markup("{}{}{}{}").format(
        _line("mark", x, x, y.start, y.end),
        _text(x, HEIGHT - 6, _short(label), "middle"),
        _text(x, y.start + 16, low, "middle"),
        _text(x, y.end - 8, high, "middle"),
    )


def _ends(space: Space) -> tuple[str, str]:
    if space["kind"] == "choice":
        return _short(space["values"][0]), _short(space["values"][-1])
    return number(space["low"]), number(space["high"])


def _short(value: Any) -> str:
    text = number(value) if isinstance(value, float) else str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _line(style: str, x1: float, x2: float, y1: float, y2: float) -> Markup:
    return Markup('<line class="{}" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(style, x1, x2, y1, y2)


def _text(x: float, y: float, text: str, anchor: str) -> Markup:
    return Markup('<text class="axis" x="{}" y="{}" text-anchor="{}">{}</text>').format(round(x, 1), y, anchor, text)
