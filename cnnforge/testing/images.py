"""Small images in a few colours, for tests that need some to read or to learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

COLORS = {"blue": (60, 80, 200), "green": (60, 190, 70), "red": (210, 70, 60)}


def colored(name: str, height: int, width: int, generator: np.random.Generator) -> np.ndarray:
    """Return a noisy image of one of :data:`COLORS`, shape (height, width, 3), uint8."""
    noise = generator.integers(-40, 40, (height, width, 3))
    return (np.array(COLORS[name]) + noise).astype(np.uint8)


def write_tiny_images(folder: Path, per_class: int = 12) -> Path:
    """Write ``<colour>/<colour>_001.png`` and so on, 32 by 24 pixels, and return the folder."""
    generator = np.random.default_rng(0)
    for name in COLORS:
        (folder / name).mkdir(parents=True)
        for number in range(1, per_class + 1):
            Image.fromarray(colored(name, 24, 32, generator)).save(folder / name / f"{name}_{number:03}.png")
    return folder
