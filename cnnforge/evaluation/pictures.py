"""Heat maps: asked of an explainer, and laid over their photographs."""

from __future__ import annotations

import cv2
import keras
import numpy as np
from PIL import Image

from cnnforge.errors import PluginError
from cnnforge.host import Entry, ExplainerSpec, import_deferred

_OPACITY = 0.65  # of the strongest place


def heatmaps(
    explainer: Entry[ExplainerSpec], model: keras.Model, images: np.ndarray, classes: np.ndarray
) -> np.ndarray:
    """Return where a network looks, as an explainer says.

    Args:
        explainer: The explainer.
        model: The network.
        images: As the network takes them, shape (images, height, width, channels), uint8.
        classes: The index of the class to explain, for each image.

    Returns:
        Shape (images, height, width), float32, 0 to 1.

    Raises:
        RecipeError: The explainer cannot explain this network.
        PluginError: It cannot be imported, or returns something else.
    """
    owner = f"explainer {explainer.spec.name!r} of plugin {explainer.plugin}"
    found = np.asarray(import_deferred(explainer.spec.explain, owner)(model, images, classes), np.float32)
    if found.shape != images.shape[:3]:
        raise PluginError(f"{owner}: expected maps of shape {images.shape[:3]}, received {found.shape}")
    if not ((found >= 0) & (found <= 1)).all():
        raise PluginError(f"{owner}: expected maps from 0 to 1, received {found.min():g} to {found.max():g}")
    return found


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
