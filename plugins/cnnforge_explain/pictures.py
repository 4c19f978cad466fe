"""Pictures of what is inside a network: its first filters, and the maps that its layers give."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

_TILE = 96  # pixels, about
_NUM_MAPS = 8
_GAP = 4
_MAX_FILTERS = 64


def filter_sheet(kernel: np.ndarray) -> Image.Image:
    """Return the filters of a first layer as tiles: grey is a weight of 0, each filter at full contrast.

    Args:
        kernel: Shape (height, width, channels, filters); three channels are shown as colours, others as their mean.
    """
    filters = np.moveaxis(kernel, -1, 0)[:_MAX_FILTERS]
    if kernel.shape[2] != 3:
        filters = filters.mean(axis=-1, keepdims=True).repeat(3, axis=-1)
    strongest = np.abs(filters).max(axis=(1, 2, 3), keepdims=True)
    return _sheet((127.5 + 127.5 * filters / np.where(strongest > 0, strongest, 1)).astype(np.uint8), 8)


def map_sheet(maps: np.ndarray) -> Image.Image:
    """Return the eight maps of highest mean, the highest first, each from black to its own white.

    Args:
        maps: What a layer gave for one image, shape (rows, columns, channels).
    """
    strongest = np.argsort(-maps.mean(axis=(0, 1)), kind="stable")[:_NUM_MAPS]
    chosen = np.moveaxis(maps[:, :, strongest], -1, 0).astype(np.float32)
    low, high = chosen.min(axis=(1, 2), keepdims=True), chosen.max(axis=(1, 2), keepdims=True)
    grey = (255 * (chosen - low) / np.where(high > low, high - low, 1)).astype(np.uint8)
    return _sheet(grey[..., None].repeat(3, axis=-1), 4)


def _sheet(tiles: np.ndarray, num_columns: int) -> Image.Image:
    """Return tiles, shape (tiles, rows, columns, 3), enlarged in whole pixels or shrunk to about one size, in rows."""
    height, width = _tile_size(*tiles.shape[1:3])
    columns = min(num_columns, len(tiles))
    rows = math.ceil(len(tiles) / columns)
    size = (columns * (width + _GAP) - _GAP, rows * (height + _GAP) - _GAP)
    sheet = Image.new("RGB", size, (255, 255, 255))
    for number, tile in enumerate(tiles):
        resampling = Image.Resampling.NEAREST if height >= tiles.shape[1] else Image.Resampling.BOX
        picture = Image.fromarray(tile).resize((width, height), resampling)
        sheet.paste(picture, (number % columns * (width + _GAP), number // columns * (height + _GAP)))
    return sheet


def _tile_size(height: int, width: int) -> tuple[int, int]:
    longest = max(height, width)
    scale = _TILE // longest if longest <= _TILE else _TILE / longest
    return max(1, round(height * scale)), max(1, round(width * scale))
