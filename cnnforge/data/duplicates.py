"""Images that occur twice: the same bytes, or nearly the same picture."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

NEAR_DISTANCE = 3
"""Perceptual hashes that differ in at most this many of their 64 bits count as nearly the same picture."""

_BANDS = 4  # two hashes at most 3 bits apart are equal in one of four bands of 16 bits
_MAX_BUCKET = 64  # a band shared by more images says little (a plain background), and comparing all pairs is quadratic


def exact_groups(sha256: np.ndarray) -> list[np.ndarray]:
    """Return the groups of rows with equal bytes, each in ascending order.

    Args:
        sha256: Content hashes, shape (images, 32), uint8.
    """
    return list(_groups(np.ascontiguousarray(sha256).view("V32").ravel()))


def near_groups(perceptual_hashes: np.ndarray, sha256: np.ndarray) -> list[np.ndarray]:
    """Return groups of rows that look alike without being equal, by single linkage.

    Candidates are pairs that share one of four 16-bit bands, which finds every pair within :data:`NEAR_DISTANCE`
    (but for bands that very many images share). Blank pictures, all of whose gradients are zero, are passed over.
    Copies alone make no group.

    Args:
        perceptual_hashes: 64-bit difference hashes, shape (images,), uint64.
        sha256: Content hashes, to tell copies from look-alikes.
    """
    parents = np.arange(len(perceptual_hashes))
    for first, second in _near_pairs(perceptual_hashes):
        parents[_root(parents, second)] = _root(parents, first)
    roots = np.array([_root(parents, row) for row in range(len(parents))], dtype=np.int64)
    return [g for g in _groups(roots) if len(np.unique(sha256[g], axis=0)) > 1]


def _near_pairs(hashes: np.ndarray) -> Iterator[tuple[int, int]]:
    usable = np.flatnonzero(hashes != 0)
    for band in range(_BANDS):
        keys = (hashes[usable] >> np.uint64(16 * band)) & np.uint64(0xFFFF)
        order = np.argsort(keys, kind="stable")
        rows, keys = usable[order], keys[order]
        first = np.arange(len(rows))
        for distance in range(1, _MAX_BUCKET):
            # In sorted order, each is compared with the next, then those still in one band with the next but one, ….
            first = first[first + distance < len(rows)]
            first = first[keys[first] == keys[first + distance]]
            pairs = rows[first], rows[first + distance]
            is_near = np.bitwise_count(hashes[pairs[0]] ^ hashes[pairs[1]]) <= NEAR_DISTANCE
            yield from zip(pairs[0][is_near].tolist(), pairs[1][is_near].tolist(), strict=True)


def _groups(keys: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the positions of each key that occurs more than once."""
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.concatenate([[True], keys[order][1:] != keys[order][:-1]]))
    sizes = np.diff(np.append(starts, len(keys)))
    for start, size in zip(starts[sizes > 1], sizes[sizes > 1], strict=True):
        yield order[start : start + size]


def _root(parents: np.ndarray, row: int) -> int:
    while parents[row] != row:
        parents[row] = parents[parents[row]]
        row = int(parents[row])
    return row
