"""A heat map laid over its photograph."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image

_OPACITY = 0.65  # of the strongest place


def overlay(image: np.ndarray, heatmap: np.ndarray) -> Image.Image:
    """Return the photograph, grey where nothing speaks for the class, coloured from violet to yellow where much does.

    Args:
        image: Shape (height, width, channels), uint8.
        heatmap: Shape (height, width), 0 to 1.
    """
    picture = to_picture(image).convert("L").convert("RGBA")
    return Image.alpha_composite(picture, transparent(heatmap)).convert("RGB")


def transparent(heatmap: np.ndarray) -> Image.Image:
    """Return the colours of :func:`overlay` alone, to lay over the photograph at any size."""
    colours = cv2.applyColorMap((heatmap * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)[:, :, ::-1]
    opacity = (255 * _OPACITY * np.sqrt(heatmap)).round().astype(np.uint8)
    return Image.fromarray(np.dstack([colours, opacity]))


def to_picture(image: np.ndarray) -> Image.Image:
    """Return pixels, shape (height, width, 1 or 3), uint8, as a picture."""
    return Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
