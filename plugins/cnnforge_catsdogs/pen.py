"""A pen for the drawn sample: shapes in units of the animal's head, turned and placed on the picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
Point = tuple[float, float]

_STEPS = 7  # segments between two control points of a smooth shape


def shade(colour: Colour, factor: float) -> Colour:
    """Return the colour made darker (factor below 1) or lighter (above 1)."""
    red, green, blue = (min(255, int(c * factor)) for c in colour)
    return red, green, blue


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """Return ``a`` with ``share`` of ``b`` in it."""
    red, green, blue = (int(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return red, green, blue


def mid(a: Point, b: Point, share: float) -> Point:
    """Return the point ``share`` of the way from ``a`` to ``b``."""
    return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share


class Pen:
    """Draws in its own coordinates: origin and unit of length are the head's centre and radius, y points down.

    Args:
        image: What is drawn upon.
        origin: The pen's origin in pixels.
        unit: Pixels for one unit of length.
        angle: Clockwise turn in radians.
    """

    def __init__(self, image: Image.Image, origin: Point, unit: float, angle: float) -> None:
        self._image, self._origin, self._unit, self._angle = image, origin, unit, angle
        self._draw = ImageDraw.Draw(image)
        self._cos, self._sin = unit * math.cos(angle), unit * math.sin(angle)

    def placed(self, x: float, y: float, angle: float) -> Pen:
        """Return a pen with its origin at (x, y) of this one, turned further by ``angle``."""
        (origin,) = self._pixels([(x, y)])
        return Pen(self._image, origin, self._unit, self._angle + angle)

    def blob(self, points: Sequence[Point], fill: Colour, outline: Colour | None = None) -> None:
        """Fill the smooth closed curve through ``points``."""
        self.polygon(closed_curve(points), fill, outline)

    def ellipse(self, centre: Point, radii: Point, fill: Colour, outline: Colour | None = None) -> None:
        """Fill an ellipse with its axes along the pen's."""
        (x, y), (rx, ry) = centre, radii
        self.polygon([(x + rx * c, y + ry * s) for c, s in _circle()], fill, outline)

    def dots(self, centres: Sequence[Point], radius: float, fill: Colour) -> None:
        """Fill a circle around each of ``centres``."""
        size = radius * self._unit
        for x, y in self._pixels(centres):
            self._draw.ellipse((x - size, y - size, x + size, y + size), fill=fill)

    def polygon(self, points: Sequence[Point], fill: Colour, outline: Colour | None = None) -> None:
        """Fill a polygon."""
        pixels = self._pixels(points)
        self._draw.polygon(pixels, fill=fill)
        if outline is not None:
            self._draw.line([*pixels, pixels[0]], fill=outline, width=max(2, int(0.05 * self._unit)))

    def line(self, points: Sequence[Point], fill: Colour, width: float) -> None:
        """Draw an open line through ``points``, ``width`` in units."""
        self._draw.line(self._pixels(points), fill=fill, width=max(1, int(width * self._unit)))

    def _pixels(self, points: Sequence[Point]) -> list[Point]:
        (left, top), c, s = self._origin, self._cos, self._sin
        return [(left + c * x - s * y, top + s * x + c * y) for x, y in points]


@cache
def _circle() -> list[Point]:
    return [(math.cos(k * math.tau / 24), math.sin(k * math.tau / 24)) for k in range(24)]


@cache
def _weights() -> list[tuple[float, float, float, float]]:
    """Return the weights of four neighbouring points at each step of a Catmull-Rom curve."""
    return [
        (
            (-t + 2 * t**2 - t**3) / 2,
            (2 - 5 * t**2 + 3 * t**3) / 2,
            (t + 4 * t**2 - 3 * t**3) / 2,
            (-(t**2) + t**3) / 2,
        )
        for t in (k / _STEPS for k in range(_STEPS))
    ]


def closed_curve(points: Sequence[Point]) -> list[Point]:
    """Return points of the closed Catmull-Rom curve through ``points``."""
    return _curve([points[-1], *points, *points[:2]])


def open_curve(points: Sequence[Point]) -> list[Point]:
    """Return points of the Catmull-Rom curve from the first of ``points`` to the last."""
    return [*_curve([points[0], *points, points[-1]]), points[-1]]


def _curve(points: Sequence[Point]) -> list[Point]:
    curve = []
    for k in range(len(points) - 3):
        (ax, ay), (bx, by), (cx, cy), (dx, dy) = points[k : k + 4]
        curve += [(a * ax + b * bx + c * cx + d * dx, a * ay + b * by + c * cy + d * dy) for a, b, c, d in _weights()]
    return curve
