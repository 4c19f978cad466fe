"""The HDF5 file of weights in a ``.keras`` file: plain arrays that are there in full, and nothing that leads out."""

from __future__ import annotations

import math
from pathlib import Path

import h5py
import numpy as np

_KINDS = "biuf"
_BFLOAT16 = np.dtype("V2")  # as HDF5 knows it


def check(path: Path) -> None:
    """Check what the file holds before any array is read.

    Raises:
        ValueError: It has links out of the file, arrays elsewhere, compressed, of other things than numbers, or
            larger than the file.
        OSError: It is damaged.
    """
    sizes, links = [], []
    with h5py.File(path, "r") as file:
        file.visititems_links(lambda name, link: links.append((name, link)))
        for name, link in links:
            if not isinstance(link, h5py.HardLink):
                raise ValueError(f"its weights have a link at {name}")
            if isinstance(item := file[name], h5py.Dataset):
                sizes.append(_size(item))
    if sum(sizes) > path.stat().st_size:
        raise ValueError(f"its weights claim {sum(sizes):,} bytes in a file of {path.stat().st_size:,}")


def _size(dataset: h5py.Dataset) -> int:
    """Return how many bytes an array of numbers takes that lies in this file as it is."""
    if dataset.external or dataset.is_virtual or dataset.id.get_create_plist().get_nfilters():
        raise ValueError(f"its weights {dataset.name} are compressed or lie in another file")
    if dataset.dtype.kind not in _KINDS and dataset.dtype != _BFLOAT16:
        raise ValueError(f"its weights {dataset.name} are no numbers but {dataset.dtype}")
    return int(math.prod(dataset.shape) * dataset.dtype.itemsize)
