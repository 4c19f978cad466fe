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
    grey = np.asarray(to_picture(image).convert("L").convert("RGB"), np.float32)
    colours = cv2.applyColorMap((heatmap * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)[:, :, ::-1]
    share = _OPACITY * np.sqrt(heatmap)[:, :, None]
    return Image.fromarray((grey * (1 - share) + colours * share).round().astype(np.uint8))


def to_picture(image: np.ndarray) -> Image.Image:
    """Return pixels, shape (height, width, 1 or 3), uint8, as a picture."""
    return Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
