"""Charts as inline SVG: no script, no fonts, colours from the page's CSS variables.

Everything is built with ``Markup.format``, which escapes what it inserts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from cnnforge.report import numbers as formats

WIDTH, HEIGHT = 440, 270
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 78, 28, 40
_LABEL_GAP = 15  # least distance of two labels, a line of text
_MAX_DOTS = 60  # more points than this and dots hide the line


@dataclass(frozen=True, slots=True)
class Series:
    """A line: its name, the CSS class that gives it its colour, and a value for each x (None: a gap)."""

    name: str
    style: str
    values: Sequence[float | None]

    def points(self, xs: Sequence[int]) -> list[tuple[int, float]]:
        """Return the pairs of x and value, without the gaps."""
        return [(x, value) for x, value in zip(xs, self.values, strict=True) if value is not None]


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear map from a range of values to a range of pixels."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return round(self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start), 1)


@dataclass(frozen=True, slots=True)
class _Axes:
    """Where epochs and values lie, and how values are written."""

    xs: Sequence[int]
    x: Scale
    y: Scale
    percent: bool

    @property
    def has_dots(self) -> bool:
        return len(self.xs) <= _MAX_DOTS

    def write(self, value: float) -> str:
        return formats.percent(value) if self.percent else formats.number(value)


def line_chart(
    key: str, title: str, xs: Sequence[int], series: Sequence[Series], *, mark: int | None = None, percent: bool = False
) -> Markup:
    """Return a line chart over epochs, with axes, a label at the end of each line and alternative text.

    Args:
        key: Distinguishes the ids of this chart from others on the page.
        title: What is drawn.
        xs: Epochs, ascending.
        series: Lines, each with a value at least.
        mark: The epoch to mark as the best.
        percent: Write the values as percentages; the axis never passes 100 %.
    """
    values = [value for line in series for _, value in line.points(xs)]
    y_ticks = ticks(*_widened(min(values), max(values), percent), ceiling=1.0 if percent else math.inf)
    axes = _axes(xs, y_ticks, percent)
    parts = [
        *(_y_tick(tick, axes) for tick in y_ticks),
        *(_x_tick(tick, axes.x) for tick in epoch_ticks(xs[0], xs[-1])),
        Markup('<text class="axis" x="{}" y="{}" text-anchor="middle">epoch</text>').format(
            (axes.x.start + axes.x.end) / 2, HEIGHT - 4
        ),
        _mark(mark, axes.x) if mark in xs else Markup(""),
        *(_line(line, axes) for line in series),
        *_end_labels(series, axes),
    ]
    return svg(key, title, _describe(series, axes, mark), (WIDTH, HEIGHT), Markup("").join(parts))


def ticks(low: float, high: float, ceiling: float = math.inf, target: int = 5) -> list[float]:
    """Return about ``target`` round numbers whose range contains ``low`` to ``high`` but passes no ``ceiling``."""
    span = high - low or abs(high) or 1.0
    magnitude = 10.0 ** math.floor(math.log10(span / target))
    step = next(s * magnitude for s in (1, 2, 2.5, 5, 10) if s * magnitude * target >= span * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    if first == last:
        first, last = first - 1, last + 1
    values = [float(f"{i * step:.12g}") for i in range(first, last + 1)]
    return [v for v in values if v <= ceiling] if high <= ceiling else values


def epoch_ticks(first: int, last: int) -> list[int]:
    """Return at most nine epochs to write under an axis, the first among them."""
    step = next(s * 10**p for p in range(9) for s in (1, 2, 5) if (last - first) / (s * 10**p) <= 8)
    if step <= 2:
        return list(range(first, last + 1, step))
    start = (first // step + 1) * step
    return [first, *(t for t in range(start, last + 1, step) if t - first > step / 2)]


def _axes(xs: Sequence[int], y_ticks: Sequence[float], percent: bool) -> _Axes:
    pad = 0.5 if xs[0] == xs[-1] else 0
    x = Scale(xs[0] - pad, xs[-1] + pad, _LEFT + 6, WIDTH - _RIGHT)
    return _Axes(xs, x, Scale(y_ticks[0], y_ticks[-1], HEIGHT - _BOTTOM, _TOP), percent)


def _widened(low: float, high: float, percent: bool) -> tuple[float, float]:
    """Return a range wide enough that noise does not look like a trend: ten points, or a tenth of the value."""
    missing = max((0.1 if percent else 0.1 * abs(high)) - (high - low), 0) / 2
    return max(low - missing, min(low, 0)), min(high + missing, 1.0) if percent else high + missing


def svg(key: str, title: str, description: str, size: tuple[int, int], body: Markup) -> Markup:
    """Return a chart of a width and height with a title and alternative text, which screen readers read."""
    return Markup(
        '<svg viewBox="0 0 {width} {height}" role="img" aria-labelledby="{key}-title {key}-text">'
        '<title id="{key}-title">{title}</title><desc id="{key}-text">{description}</desc>{body}</svg>'
    ).format(width=size[0], height=size[1], key=key, title=title, description=description, body=body)


def _y_tick(tick: float, axes: _Axes) -> Markup:
    label = f"{tick * 100:g} %" if axes.percent else f"{tick:g}"
    return Markup(
        '<line class="grid" x1="{x0}" x2="{x1}" y1="{y}" y2="{y}"/>'
        '<text class="axis" x="{x0}" dx="-6" y="{y}" dy="4" text-anchor="end">{label}</text>'
    ).format(x0=_LEFT, x1=WIDTH - _RIGHT, y=axes.y(tick), label=label)


def _x_tick(tick: int, x: Scale) -> Markup:
    return Markup('<text class="axis" x="{}" y="{}" text-anchor="middle">{}</text>').format(
        x(tick), HEIGHT - _BOTTOM + 18, tick
    )


def _mark(epoch: int | None, x: Scale) -> Markup:
    position = x(epoch or 0)
    return Markup(
        '<line class="mark" x1="{x}" x2="{x}" y1="{top}" y2="{bottom}"/>'
        '<text class="axis" x="{x}" y="{above}" text-anchor="{anchor}">best: epoch {epoch}</text>'
    ).format(
        x=position,
        top=_TOP - 6,
        bottom=HEIGHT - _BOTTOM,
        above=_TOP - 11,
        epoch=epoch,
        anchor=anchor((position - _LEFT) / (WIDTH - _LEFT)),
    )


def anchor(share: float) -> str:
    """Return how text at this share of the width is anchored so that it stays inside."""
    return "start" if share < 0.2 else "end" if share > 0.85 else "middle"


def _line(line: Series, axes: _Axes) -> Markup:
    dots = Markup("").join(_dot(line, *point, axes) for point in line.points(axes.xs)) if axes.has_dots else ""
    path = "".join(
        f"{command}{axes.x(axes.xs[i])} {axes.y(value)}" for i, command, value in _path_commands(line.values)
    )
    return Markup('<g class="series {}"><path d="{}"/>{}</g>').format(line.style, path, dots)


def _path_commands(values: Sequence[float | None]) -> list[tuple[int, str, float]]:
    """Return the index, the SVG command (move to, or line to) and the value of each point; a gap breaks the line."""
    return [
        (i, "M" if i == 0 or values[i - 1] is None else "L", value)
        for i, value in enumerate(values)
        if value is not None
    ]


def _dot(line: Series, epoch: int, value: float, axes: _Axes) -> Markup:
    return Markup('<circle cx="{}" cy="{}" r="2.6"><title>{}, epoch {}: {}</title></circle>').format(
        axes.x(epoch), axes.y(value), line.name, epoch, axes.write(value)
    )


def _end_labels(series: Sequence[Series], axes: _Axes) -> list[Markup]:
    """Return the name of each line beside its last point, moved apart where they would overlap."""
    ends = [(*line.points(axes.xs)[-1], line) for line in series]
    ends.sort(key=lambda end: -end[1])
    heights = spread([axes.y(value) for _, value, _ in ends], _TOP, HEIGHT - _BOTTOM)
    return [
        Markup('<text class="label {}" x="{}" y="{}" dy="4">{}</text>').format(
            line.style, axes.x(epoch) + 8, height, line.name
        )
        for height, (epoch, _, line) in zip(heights, ends, strict=True)
    ]


def spread(heights: Sequence[float], top: float, bottom: float) -> list[float]:
    """Return ascending heights moved so that neighbours are a line of text apart, from ``top`` to ``bottom``."""
    placed: list[float] = []
    for height in heights:
        placed.append(max(height, placed[-1] + _LABEL_GAP if placed else top))
    limit = bottom
    for i in reversed(range(len(placed))):
        placed[i] = min(placed[i], limit)
        limit = placed[i] - _LABEL_GAP
    return placed


def _describe(series: Sequence[Series], axes: _Axes, mark: int | None) -> str:
    sentences = []
    for line in series:
        points = line.points(axes.xs)
        (first, start), (last, end) = points[0], points[-1]
        sentences.append(f"{line.name}: {axes.write(start)} in epoch {first}, {axes.write(end)} in epoch {last}.")
    return " ".join([*sentences, f"The best epoch is {mark}." if mark in axes.xs else ""]).strip()
