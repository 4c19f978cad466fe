"""The cats and dogs of the drawn sample: what they share, and the shapes that tell them apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from cnnforge_catsdogs.pen import Colour, Pen, Point, mid, mix, open_curve, shade

if TYPE_CHECKING:
    from numpy.random import Generator

_FURS: tuple[Colour, ...] = (
    (52, 48, 50),
    (92, 90, 96),
    (150, 150, 156),
    (226, 220, 212),
    (232, 206, 164),
    (214, 140, 72),
    (186, 112, 58),
    (128, 84, 54),
    (88, 60, 44),
    (204, 170, 116),
    (122, 132, 146),
    (176, 160, 148),
)
_IRISES: tuple[Colour, ...] = ((214, 164, 48), (124, 78, 40), (112, 168, 84), (108, 164, 204), (150, 104, 52))
_COLLARS: tuple[Colour, ...] = ((196, 52, 56), (52, 110, 178), (62, 146, 92), (226, 174, 54), (120, 72, 150))
T = TypeVar("T")
_PATTERNS = ("plain", "mask", "patch", "stripes", "spots")
_DARK: Colour = (34, 28, 30)
_WHITE: Colour = (250, 246, 240)
_PINK: Colour = (226, 142, 148)


@dataclass(frozen=True, slots=True)
class Look:
    """What cats and dogs have alike: colours, pattern, the way they look. ``turn`` is the head's, -1 to 1."""

    fur: Colour
    muzzle: Colour
    ears: Colour
    nose: Colour
    iris: Colour
    collar: Colour | None
    pattern: str
    turn: float
    is_asleep: bool
    is_tongue_out: bool
    tail_side: int

    @staticmethod
    def sample(rng: Generator) -> Look:
        """Return a look drawn from the one distribution of both classes."""
        fur = shade(_pick(rng, _FURS), rng.uniform(0.85, 1.1))
        return Look(
            fur=fur,
            muzzle=mix(fur, _WHITE, rng.choice((0.25, 0.55, 0.9))) if rng.random() < 0.6 else shade(fur, 0.6),
            ears=shade(fur, rng.choice((0.6, 1.0, 1.35))),
            nose=_pick(rng, (_DARK, (96, 62, 54), (204, 124, 124))),
            iris=_pick(rng, _IRISES),
            collar=_pick(rng, _COLLARS) if rng.random() < 0.4 else None,
            pattern=_pick(rng, _PATTERNS),
            turn=rng.uniform(-1, 1),
            is_asleep=rng.random() < 0.1,
            is_tongue_out=rng.random() < 0.25,
            tail_side=1 if rng.random() < 0.5 else -1,
        )

    @property
    def line(self) -> Colour:
        """The colour of contours."""
        return shade(self.fur, 0.62)

    @property
    def mark(self) -> Colour:
        """The colour of stripes, spots and patches."""
        return shade(self.fur, 0.66) if sum(self.fur) > 240 else mix(self.fur, _WHITE, 0.3)


def draw_cat(body: Pen, head: Pen, look: Look, rng: Generator) -> None:
    """Draw a cat: ears up and pointed, a wide face, large eyes with slits, a small muzzle, whiskers."""
    s = look.tail_side
    _tail(body, look, [(s * 0.8, 2.8), (s * 1.6, 2.7), (s * 1.85, 2.0), (s * 1.6, 1.4), (s * 1.75, 1.0)], 0.22)
    _body(body, look, rng)
    tip, spread, width = rng.uniform(1.45, 1.75), rng.uniform(0.7, 1.0), rng.uniform(0.9, 1.1)
    for side in (-1, 1):
        _pointed_ear(head, look, side, tip, spread)
    cheek = rng.uniform(0.98, 1.14) * width
    half = [(0.45, -0.84), (0.86 * width, -0.5), (cheek, 0.1), (0.92 * width, 0.48), (0.5, 0.8)]
    _face(head, look, half, top=-0.84, chin=0.92)
    size = rng.uniform(0.85, 1.15)
    for side in (-1, 1):
        _eye(head, look, _seen(look, side * 0.43, -0.1, 0.14), (0.25 * size, 0.2 * size), 0.32)
    _cat_muzzle(head, look, rng)


def draw_dog(body: Pen, head: Pen, look: Look, rng: Generator) -> None:
    """Draw a dog: ears that hang, a long face, round eyes, a large muzzle and nose."""
    s = look.tail_side
    _tail(body, look, [(s * 0.8, 2.7), (s * 1.3, 2.4), (s * 1.65, 1.9), (s * 1.6, 1.4)], 0.3)
    _body(body, look, rng)
    width = rng.uniform(0.92, 1.15)
    half = [(0.45, -0.9), (0.8 * width, -0.52), (0.84 * width, 0.0), (0.72 * width, 0.5), (0.46, 0.92)]
    _face(head, look, half, top=-0.92, chin=1.08)
    length, flare, lift = rng.uniform(0.35, 0.95), rng.uniform(0.05, 0.35), rng.uniform(0.0, 0.3)
    for side in (-1, 1):
        _hanging_ear(head, look, side, (width, length, flare, lift))
    size = rng.uniform(0.85, 1.2)
    for side in (-1, 1):
        _eye(head, look, _seen(look, side * 0.36, -0.2, 0.14), (0.17 * size, 0.17 * size), 0.66)
    _dog_muzzle(head, look, rng)


def _pick(rng: Generator, values: tuple[T, ...]) -> T:
    return values[int(rng.integers(len(values)))]


def _seen(look: Look, x: float, y: float, depth: float) -> Point:
    """Return where a point of the face is seen when the head is turned: what stands out moves further."""
    return x * (1 - 0.1 * abs(look.turn)) + look.turn * depth, y


def _mirrored(half: list[Point], top: float, chin: float) -> list[Point]:
    """Return a closed outline from its right half."""
    return [(0.0, top), *half, (0.0, chin), *((-x, y) for x, y in reversed(half))]


def _tail(pen: Pen, look: Look, points: list[Point], width: float) -> None:
    curve = open_curve(points)
    pen.dots(curve, width / 2 + 0.05, look.line)
    pen.dots(curve, width / 2, look.fur)


def _body(pen: Pen, look: Look, rng: Generator) -> None:
    """Draw the sitting body with its front legs, the chest and the collar."""
    width = rng.uniform(0.85, 1.15)
    half = [(0.5, 0.5), (0.78 * width, 1.3), (1.05 * width, 2.3), (1.0 * width, 3.0)]
    pen.blob(_mirrored(half, 0.2, 3.15), look.fur, look.line)
    if look.pattern in ("stripes", "spots"):
        _body_marks(pen, look, width)
    for side in (-1, 1):
        pen.ellipse((side * 0.95 * width, 3.08), (0.4, 0.2), look.fur, look.line)
        pen.blob([(side * 0.1, 1.7), (side * 0.55, 1.7), (side * 0.52, 2.9), (side * 0.12, 2.9)], look.fur)
        pen.line([(side * 0.56, 1.9), (side * 0.53, 2.9)], look.line, 0.05)
        pen.ellipse((side * 0.34, 3.08), (0.29, 0.18), look.muzzle, look.line)
    pen.blob(
        [(0, 0.6), (0.42, 0.9), (0.3, 1.5), (0.14, 1.75), (0, 2.0), (-0.14, 1.75), (-0.3, 1.5), (-0.42, 0.9)],
        look.muzzle,
    )
    if look.collar is not None:
        pen.line([(-0.55, 0.72), (0, 0.98), (0.55, 0.72)], look.collar, 0.17)
        pen.ellipse((0, 1.1), (0.12, 0.12), (236, 200, 92), (150, 116, 40))


def _body_marks(pen: Pen, look: Look, width: float) -> None:
    for side in (-1, 1):
        for k in range(3):
            x, y = side * 0.66 * width, 1.5 + 0.42 * k
            if look.pattern == "stripes":
                pen.line([(x - side * 0.1, y), (x + side * (0.2 + 0.06 * k), y - 0.1)], look.mark, 0.1)
            else:
                pen.ellipse((x + side * 0.08 * (k - 1), y), (0.13, 0.11), look.mark)


def _face(pen: Pen, look: Look, half: list[Point], *, top: float, chin: float) -> None:
    """Draw the head without ears and features, with its pattern."""
    pen.blob(_mirrored(half, top, chin), look.fur, look.line)
    if look.pattern == "mask":
        points = [_seen(look, x, y, 0.14) for x, y in ((0.1, -0.6), (0.2, 0.0), (0.46, 0.4), (0.36, 0.76))]
        low = [_seen(look, x, y, 0.14) for x, y in ((-0.36, 0.76), (-0.46, 0.4), (-0.2, 0.0), (-0.1, -0.6))]
        pen.blob([*points, *low], look.muzzle)
    elif look.pattern == "patch":
        pen.ellipse(_seen(look, -0.4 * look.tail_side, -0.16, 0.12), (0.34, 0.36), look.mark)
    elif look.pattern == "stripes":
        for x in (-0.24, 0.0, 0.24):
            pen.line([_seen(look, x, -0.76, 0.1), _seen(look, 0.7 * x, -0.46, 0.12)], look.mark, 0.09)
        for side in (-1, 1):
            pen.line([(side * 0.8, 0.12), (side * 0.58, 0.2)], look.mark, 0.08)
    elif look.pattern == "spots":
        for x, y in ((-0.3, -0.6), (0.16, -0.7), (0.5, -0.5), (-0.6, 0.2), (0.6, 0.3)):
            pen.ellipse((x, y), (0.09, 0.08), look.mark)


def _pointed_ear(pen: Pen, look: Look, side: int, tip: float, spread: float) -> None:
    narrow = 1 - 0.18 * max(0.0, side * look.turn)
    half_way = 0.36 + 0.5 * tip
    outline = [
        (0.16, -0.7),
        (0.2 + 0.38 * (spread - 0.2), -half_way - 0.08),
        (spread, -tip),
        (0.56 * spread + 0.48, 0.06 - half_way),
        (1.0, -0.2),
    ]
    ear = [(side * x * narrow, y) for x, y in outline]
    pen.polygon(ear, look.ears, look.line)
    centre = (side * 0.57 * narrow, -0.62)
    pen.polygon([mid(centre, point, 0.62) for point in ear], mix(look.ears, _PINK, 0.7))


def _hanging_ear(pen: Pen, look: Look, side: int, shape: tuple[float, float, float, float]) -> None:
    width, length, flare, lift = shape
    narrow = 1 - 0.18 * max(0.0, side * look.turn)
    outline = [
        (0.42, -0.82),
        (0.78 * width, -0.92 - lift),
        (1.08 * width, -0.62 - lift),
        (1.2 * width + flare, 0.55 * length - 0.2),
        (1.12 * width + flare, length),
        (0.92 * width + 0.7 * flare, length - 0.02),
        (0.76 * width, -0.2),
    ]
    pen.blob([(side * x * narrow, y) for x, y in outline], look.ears, look.line)


def _eye(pen: Pen, look: Look, centre: Point, radii: Point, pupil: float) -> None:
    """Draw an eye; ``pupil`` is the pupil's width as a share of the eye's."""
    (x, y), (rx, ry) = centre, radii
    if look.is_asleep:
        pen.line([(x - rx, y), (x - 0.4 * rx, y + 0.09), (x + 0.4 * rx, y + 0.09), (x + rx, y)], _DARK, 0.08)
        return
    pen.ellipse(centre, (rx + 0.05, ry + 0.05), _DARK)
    pen.ellipse(centre, radii, look.iris)
    pen.ellipse((x + 0.03 * look.turn, y), (rx * pupil, ry * 0.86), _DARK)
    pen.ellipse((x - 0.3 * rx, y - 0.4 * ry), (0.055, 0.055), _WHITE)


def _cat_muzzle(pen: Pen, look: Look, rng: Generator) -> None:
    x, y = _seen(look, 0, 0.3, 0.2)
    if look.is_tongue_out:
        pen.ellipse((x, y + 0.34), (0.1, 0.13), _PINK)
    for side in (-1, 1):
        pen.ellipse((x + side * 0.19, y + 0.16), (0.24, 0.19), look.muzzle)
    pen.blob([(x - 0.13, y - 0.07), (x + 0.13, y - 0.07), (x, y + 0.08)], look.nose)
    pen.line([(x, y + 0.06), (x, y + 0.2)], _DARK, 0.04)
    thread = _WHITE if sum(look.fur) < 330 else _DARK
    for side in (-1, 1):
        pen.line([(x, y + 0.2), (x + side * 0.14, y + 0.28), (x + side * 0.26, y + 0.22)], _DARK, 0.04)
        for k in (-1, 0, 1):
            reach = rng.uniform(0.85, 1.15)
            pen.line([(x + side * 0.3, y + 0.16 + 0.05 * k), (x + side * reach, y + 0.1 + 0.2 * k)], thread, 0.025)


def _dog_muzzle(pen: Pen, look: Look, rng: Generator) -> None:
    x, y = _seen(look, 0, 0.4, 0.24)
    width = rng.uniform(0.42, 0.54)
    if look.is_tongue_out:
        pen.ellipse((x + 0.05 * look.turn, y + 0.5), (0.17, 0.27), _PINK, shade(_PINK, 0.75))
    half = [(0.7 * width, -0.28), (width, 0.1), (0.8 * width, 0.38)]
    pen.blob([(x + px, y + py) for px, py in _mirrored(half, -0.34, 0.48)], look.muzzle, shade(look.muzzle, 0.82))
    pen.blob(
        [(x - 0.22, y - 0.2), (x, y - 0.26), (x + 0.22, y - 0.2), (x + 0.14, y), (x, y + 0.06), (x - 0.14, y)],
        look.nose,
    )
    pen.ellipse((x - 0.07, y - 0.17), (0.06, 0.035), mix(look.nose, _WHITE, 0.6))
    pen.line([(x, y + 0.04), (x, y + 0.24)], _DARK, 0.045)
    for side in (-1, 1):
        pen.line([(x, y + 0.24), (x + side * 0.18, y + 0.32), (x + side * 0.32, y + 0.24)], _DARK, 0.045)
