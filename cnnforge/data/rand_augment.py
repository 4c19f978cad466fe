"""RandAugment: two operations drawn at random, all of one magnitude (Cubuk et al. 2019, arXiv:1909.13719)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

Pixels = np.ndarray[Any, np.dtype[np.uint8]]

_NUM_OPERATIONS = 2
_LEVELS = np.arange(256)


def _unchanged(image: Pixels) -> Pixels:
    return image


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: a map from a pixel of the result to one of the image, 3×3, and a change of the pixels."""

    inverse: np.ndarray = field(default_factory=lambda: np.eye(3))
    pixels: Callable[[Pixels], Pixels] = _unchanged


def random_operations(magnitude: float, height: int, width: int, generator: np.random.Generator) -> list[Operation]:
    """Return the operations for one image; none if the magnitude is 0.

    Args:
        magnitude: From 0 to 1, where 1 is the strongest the paper uses.
        height: Of the image, in pixels.
        width: Of the image, in pixels.
        generator: The source of randomness.
    """
    if not magnitude:
        return []
    chosen = generator.integers(0, len(_GEOMETRY) + len(_PIXELS), _NUM_OPERATIONS)
    strengths = magnitude * generator.choice([-1.0, 1.0], _NUM_OPERATIONS)
    return [_operation(int(index), strength, height, width) for index, strength in zip(chosen, strengths, strict=True)]


def _operation(index: int, strength: float, height: int, width: int) -> Operation:
    if index >= len(_GEOMETRY):
        return Operation(pixels=_PIXELS[index - len(_GEOMETRY)](strength))
    linear, shift = _GEOMETRY[index](strength)
    centre = np.array([width - 1, height - 1]) / 2
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = centre - linear @ centre + np.multiply(shift, (width, height))
    return Operation(inverse=matrix)


def _turn(strength: float) -> np.ndarray:
    angle = np.deg2rad(30 * strength)
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


# Each gives, for a strength from -1 to 1, a linear map about the image's centre and a shift in shares of the sides.
_GEOMETRY: tuple[Callable[[float], tuple[np.ndarray, tuple[float, float]]], ...] = (
    lambda strength: (_turn(strength), (0, 0)),
    lambda strength: (np.array([[1, 0.3 * strength], [0, 1]]), (0, 0)),
    lambda strength: (np.array([[1, 0], [0.3 * strength, 1]]), (0, 0)),
    lambda strength: (np.eye(2), (0.45 * strength, 0)),
    lambda strength: (np.eye(2), (0, 0.45 * strength)),
)


def _by_table(table: np.ndarray) -> Callable[[Pixels], Pixels]:
    """Return the operation that replaces each level of grey or colour by another."""
    clipped = np.clip(table, 0, 255).astype(np.uint8)
    return lambda image: clipped[image]


def _brightness(strength: float) -> Callable[[Pixels], Pixels]:
    return _by_table(_LEVELS * (1 + 0.9 * strength))


def _contrast(strength: float) -> Callable[[Pixels], Pixels]:
    return _by_table(128 + (_LEVELS - 128) * (1 + 0.9 * strength))


def _posterize(strength: float) -> Callable[[Pixels], Pixels]:
    lost_bits = round(4 * abs(strength))
    return _by_table((_LEVELS >> lost_bits) << lost_bits)


def _solarize(strength: float) -> Callable[[Pixels], Pixels]:
    return _by_table(np.where(256 * (1 - abs(strength)) > _LEVELS, _LEVELS, 255 - _LEVELS))


def _stretch_contrast(_strength: float) -> Callable[[Pixels], Pixels]:
    def stretch(image: Pixels) -> Pixels:
        low, high = int(image.min()), int(image.max())
        return image if high == low else _by_table((_LEVELS - low) * 255 / (high - low))(image)

    return stretch


def _sharpen(strength: float) -> Callable[[Pixels], Pixels]:
    def sharpen(image: Pixels) -> Pixels:
        smooth = cv2.blur(image, (3, 3)).reshape(image.shape)
        sharper = cv2.addWeighted(image, 1 + 0.9 * strength, smooth, -0.9 * strength, 0)
        return np.asarray(sharper, np.uint8).reshape(image.shape)

    return sharpen


_PIXELS: tuple[Callable[[float], Callable[[Pixels], Pixels]], ...] = (
    _brightness,
    _contrast,
    _posterize,
    _solarize,
    _stretch_contrast,
    _sharpen,
)
