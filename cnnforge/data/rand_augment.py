"""RandAugment: two operations drawn at random, all of one magnitude (Cubuk et al. 2019, arXiv:1909.13719)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import cv2
import numpy as np

Pixels = np.ndarray[Any, np.dtype[np.uint8]]

_NUM_OPERATIONS = 2
_LEVELS = np.arange(256)


def random_operations(
    magnitude: float, inverse: np.ndarray, height: int, width: int, generator: np.random.Generator
) -> tuple[np.ndarray, list[Callable[[Pixels], Pixels]]]:
    """Return, for one image, its geometry with that of the operations, and what they do to its pixels.

    Args:
        magnitude: From 0, no operations, to 1, the strongest the paper uses.
        inverse: The geometry so far, a 3×3 map from a pixel of the result to one of the image.
        height: Of the image, in pixels.
        width: Of the image, in pixels.
        generator: The source of randomness.
    """
    changes: list[Callable[[Pixels], Pixels]] = []
    if not magnitude:
        return inverse, changes
    indices = generator.integers(0, len(_GEOMETRY) + len(_PIXELS), _NUM_OPERATIONS).tolist()
    strengths = magnitude * generator.choice([-1.0, 1.0], _NUM_OPERATIONS)
    for index, strength in zip(indices, strengths, strict=True):
        if index < len(_GEOMETRY):
            linear, shift = _GEOMETRY[index](strength)
            inverse = inverse @ _about_centre(linear, shift, height, width)
        else:
            changes.append(partial(_PIXELS[index - len(_GEOMETRY)], strength=strength))
    return inverse, changes


def rotation(degrees: float) -> np.ndarray:
    """Return the 2×2 matrix that turns by an angle."""
    angle = np.deg2rad(degrees)
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def _about_centre(linear: np.ndarray, shift: tuple[float, float], height: int, width: int) -> np.ndarray:
    """Return the 3×3 map that is linear about the image's centre, and shifts by shares of the sides."""
    centre = np.array([width - 1, height - 1]) / 2
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = centre - linear @ centre + np.multiply(shift, (width, height))
    return matrix


# Each gives, for a strength from -1 to 1, a linear map about the image's centre and a shift in shares of the sides.
_GEOMETRY: tuple[Callable[[float], tuple[np.ndarray, tuple[float, float]]], ...] = (
    lambda strength: (rotation(30 * strength), (0, 0)),
    lambda strength: (np.array([[1, 0.3 * strength], [0, 1]]), (0, 0)),
    lambda strength: (np.array([[1, 0], [0.3 * strength, 1]]), (0, 0)),
    lambda strength: (np.eye(2), (0.45 * strength, 0)),
    lambda strength: (np.eye(2), (0, 0.45 * strength)),
)


def _by_table(image: Pixels, table: np.ndarray) -> Pixels:
    """Return the image with each level of grey or colour replaced by another."""
    levels: Pixels = np.clip(table, 0, 255).astype(np.uint8)
    return levels[image]


def _brightness(image: Pixels, strength: float) -> Pixels:
    return _by_table(image, _LEVELS * (1 + 0.9 * strength))


def _contrast(image: Pixels, strength: float) -> Pixels:
    return _by_table(image, 128 + (_LEVELS - 128) * (1 + 0.9 * strength))


def _posterize(image: Pixels, strength: float) -> Pixels:
    lost_bits = round(4 * abs(strength))
    return _by_table(image, (_LEVELS >> lost_bits) << lost_bits)


def _solarize(image: Pixels, strength: float) -> Pixels:
    return _by_table(image, np.where(256 * (1 - abs(strength)) > _LEVELS, _LEVELS, 255 - _LEVELS))


def _stretch_contrast(image: Pixels, strength: float) -> Pixels:  # noqa: ARG001 - there is no more and no less of it
    low, high = int(image.min()), int(image.max())
    return image if high == low else _by_table(image, (_LEVELS - low) * 255 / (high - low))


def _sharpen(image: Pixels, strength: float) -> Pixels:
    smooth = cv2.blur(image, (3, 3)).reshape(image.shape)
    sharper = cv2.addWeighted(image, 1 + 0.9 * strength, smooth, -0.9 * strength, 0)
    return np.asarray(sharper, np.uint8).reshape(image.shape)


_PIXELS = (_brightness, _contrast, _posterize, _solarize, _stretch_contrast, _sharpen)
