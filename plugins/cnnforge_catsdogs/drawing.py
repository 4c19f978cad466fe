"""The drawn sample: cats and dogs drawn from a seed, a stand-in where there are no photographs.

A picture is a pure function of its seed and index. All that is no shape (colours, pattern, pose, background,
light, noise) is drawn from one distribution for both classes, so that only the shapes tell cat from dog.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from cnnforge_catsdogs import animals
from cnnforge_catsdogs.pen import Colour, Pen, shade

VERSION = 1
"""Raised whenever the pictures change, so that nothing stored of the old ones is used."""

NUM_IMAGES = 2000
SIDE = 160
_OVERSAMPLING = 2
_SCENE_SIDE = 80  # backgrounds are out of focus: drawn small, blurred and enlarged


def label(index: int) -> int:
    """Return the class of a picture: 0 cat, 1 dog, in turn."""
    return index % 2


def draw(index: int, seed: int) -> np.ndarray:
    """Draw one picture.

    Args:
        index: Which one, from 0; even ones are cats, odd ones dogs.
        seed: Seed of the whole sample.

    Returns:
        uint8 array (160, 160, 3), the same in every process.
    """
    rng = np.random.default_rng((VERSION, seed, index))
    image = _scene(rng)
    look = animals.Look.sample(rng)
    _animal(image, rng, look, is_dog=label(index) == 1)
    return _develop(image.reduce(_OVERSAMPLING), rng)


def _animal(image: Image.Image, rng: np.random.Generator, look: animals.Look, *, is_dog: bool) -> None:
    """Draw the animal: portrait or whole figure, somewhere near the middle."""
    side = SIDE * _OVERSAMPLING
    unit = side * rng.uniform(0.21, 0.27)
    x = side * rng.uniform(0.36, 0.64)
    y = 1.45 * unit + side * rng.uniform(0.0, 0.18)
    body = Pen(image, (x, y), unit, rng.uniform(-0.08, 0.08))
    head = body.placed(rng.uniform(-0.15, 0.15), rng.uniform(-0.05, 0.1), rng.uniform(-0.33, 0.33))
    (animals.draw_dog if is_dog else animals.draw_cat)(body, head, look, rng)


def _scene(rng: np.random.Generator) -> Image.Image:
    """Return a background, out of focus: a room, a meadow, lights, stripes or cushions."""
    base = _pastel(rng)
    image = Image.new("RGB", (_SCENE_SIDE, _SCENE_SIDE), base)
    painter = _SCENES[int(rng.integers(len(_SCENES)))]
    painter(ImageDraw.Draw(image), base, rng)
    image = image.filter(ImageFilter.GaussianBlur(rng.uniform(1.5, 3.0)))
    return image.resize((SIDE * _OVERSAMPLING,) * 2, Image.Resampling.BILINEAR)


def _room(pencil: ImageDraw.ImageDraw, base: Colour, rng: np.random.Generator) -> None:
    floor = int(rng.uniform(44, 66))
    pencil.rectangle((0, floor, 80, 80), fill=_pastel(rng))
    pencil.line((0, floor, 80, floor), fill=shade(base, 1.25), width=2)
    x, y, width = rng.uniform(-10, 60), rng.uniform(-8, 16), rng.uniform(14, 34)
    pencil.rectangle((x, y, x + width, y + 26), fill=_pastel(rng), outline=shade(base, 0.7), width=2)


def _meadow(pencil: ImageDraw.ImageDraw, base: Colour, rng: np.random.Generator) -> None:
    top = rng.uniform(24, 56)
    for depth in range(3):
        x, y = rng.uniform(0, 80), top + 12 * depth
        pencil.ellipse((x - 90, y, x + 90, y + 120), fill=shade(_pastel(rng), 1.05 - 0.12 * depth))
    x, y, radius = rng.uniform(0, 80), rng.uniform(4, 24), rng.uniform(4, 9)
    pencil.ellipse((x - radius, y - radius, x + radius, y + radius), fill=shade(base, 1.4))


def _lights(pencil: ImageDraw.ImageDraw, base: Colour, rng: np.random.Generator) -> None:
    for _ in range(14):
        x, y, radius = rng.uniform(0, 80), rng.uniform(0, 80), rng.uniform(3, 11)
        fill = shade(base if rng.random() < 0.5 else _pastel(rng), rng.uniform(0.75, 1.35))
        pencil.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)


def _stripes(pencil: ImageDraw.ImageDraw, base: Colour, rng: np.random.Generator) -> None:
    other, step, slant = shade(base, rng.choice((0.8, 1.2))), rng.uniform(8, 18), rng.uniform(-40, 40)
    for k in range(-6, 16):
        pencil.line((k * step, 0, k * step + slant, 80), fill=other, width=int(step / 2))


def _cushions(pencil: ImageDraw.ImageDraw, base: Colour, rng: np.random.Generator) -> None:
    for _ in range(5):
        x, y, angle = rng.uniform(0, 80), rng.uniform(10, 80), rng.uniform(0, 90)
        pencil.regular_polygon((x, y, rng.uniform(12, 26)), 4, rotation=angle, fill=_pastel(rng), outline=base)


_SCENES: tuple[Callable[[ImageDraw.ImageDraw, Colour, np.random.Generator], None], ...] = (
    _room,
    _meadow,
    _lights,
    _stripes,
    _cushions,
)


def _pastel(rng: np.random.Generator) -> Colour:
    """Return a muted colour, light or dark."""
    level, spread = rng.uniform(60, 205), rng.uniform(8, 36)
    red, green, blue = (level + spread * rng.uniform(-1, 1, 3)).astype(int).tolist()
    return red, green, blue


def _develop(image: Image.Image, rng: np.random.Generator) -> np.ndarray:
    """Return the pixels with light from one side, a tint, the grain of fur and the noise of a camera."""
    ramp = np.linspace(-1, 1, SIDE, dtype=np.float32)
    across, down = rng.uniform(-0.18, 0.18, 2).astype(np.float32)
    light = np.float32(rng.uniform(0.78, 1.1)) + across * ramp[None, :] + down * ramp[:, None]
    tint = rng.uniform(0.93, 1.07, 3).astype(np.float32)
    grain = rng.standard_normal((SIDE, SIDE), dtype=np.float32) * np.float32(rng.uniform(2, 5))
    pixels = np.asarray(image) * (light[:, :, None] * tint)
    pixels += grain[:, :, None]
    developed: np.ndarray = np.clip(pixels, 0, 255, out=pixels).astype(np.uint8)
    return developed
