"""Charts of one share over another, both from 0 to 100 %: ROC curves and reliability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from cnnforge.report import Scale, svg

_SIZE = 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 14, 12, 44


@dataclass(frozen=True, slots=True)
class Line:
    """A curve: its CSS class and its points, shares from 0 to 1."""

    style: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Mark:
    """A measured point with its interval from ``low`` to ``high``, and what it says when it is pointed at."""

    x: float
    y: float
    low: float
    high: float
    text: str


def unit_chart(
    key: str,
    title: str,
    description: str,
    *,
    axes: tuple[str, str],
    lines: Sequence[Line] = (),
    marks: Sequence[Mark] = (),
    start: float = 0.0,
) -> Markup:
    """Return a square chart with its diagonal.

    Args:
        key: Distinguishes the ids of this chart from others on the page.
        title: What is drawn.
        description: The alternative text.
        axes: What is drawn to the right, and upwards.
        lines: Curves.
        marks: Points with intervals.
        start: Where both axes begin.
    """
    x, y = Scale(start, 1, _LEFT, _SIZE - _RIGHT), Scale(start, 1, _SIZE - _BOTTOM, _TOP)
    ticks = [start + (1 - start) * i / 5 for i in range(6)]
    labels = Markup(
        '<text class="axis" x="{}" y="{}" text-anchor="middle">{}</text>'
        '<text class="axis" transform="translate(11 {}) rotate(-90)" text-anchor="middle">{}</text>'
    ).format((x.start + x.end) / 2, _SIZE - 4, axes[0], (y.start + y.end) / 2, axes[1])
    diagonal = Markup('<path class="mark" d="M{} {}L{} {}"/>').format(x.start, y.start, x.end, y.end)
    parts = [*(_tick(tick, x, y) for tick in ticks), labels, diagonal]
    parts += [*(_line(line, x, y) for line in lines), *(_mark(mark, x, y) for mark in marks)]
    return svg(key, title, description, (_SIZE, _SIZE), Markup("").join(parts))


def _tick(tick: float, x: Scale, y: Scale) -> Markup:
    return Markup(
        '<line class="grid" x1="{x0}" x2="{x1}" y1="{y}" y2="{y}"/>'
        '<text class="axis" x="{x0}" dx="-6" y="{y}" dy="4" text-anchor="end">{label}</text>'
        '<text class="axis" x="{x}" y="{bottom}" dy="18" text-anchor="middle">{label}</text>'
    ).format(x0=x.start, x1=x.end, y=y(tick), x=x(tick), bottom=y.start, label=f"{tick * 100:.0f}")


def _line(line: Line, x: Scale, y: Scale) -> Markup:
    path = "L".join(f"{x(across)} {y(up)}" for across, up in line.points)
    return Markup('<g class="series {}"><path d="M{}"/></g>').format(line.style, path)


def _mark(mark: Mark, x: Scale, y: Scale) -> Markup:
    return Markup(
        '<g><title>{text}</title><path class="interval" d="M{x} {low}V{high}"/>'
        '<circle class="measured" cx="{x}" cy="{y}" r="4"/></g>'
    ).format(text=mark.text, x=x(mark.x), y=y(mark.y), low=y(mark.low), high=y(mark.high))
