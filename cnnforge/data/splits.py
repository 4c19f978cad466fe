"""Which image is for training, which for validation, which for testing.

A hash of an image's content and of ``data.split_seed`` gives it a number from 0 to 1. Each class is divided by itself
(stratified): its images in the order of their numbers, the first for testing, the next for validation, the rest for
training, as many as the fractions say. So identical photographs always fall into one split, and photographs that are
added move only those old ones that lie at a cut: each one that is added at most one there.

``data.split_method = "threshold"``, which was the only way before, cuts the range of the numbers instead: no old image
ever moves, and the number of images in a split is left to chance.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np

from cnnforge.errors import DataError
from cnnforge.images import SPLITS
from cnnforge.recipe import DataSection

LEFT_OUT = -1
TRAIN, VALIDATION, TEST = range(3)
_FEW, _FEW_OF_CLASS = 30, 10  # test images
_LARGER = 0.3  # a ``data.test_fraction`` that gets more of them
_SHOWN = 5  # of the classes with few


def position(content: bytes, seed: int) -> float:
    """Return a number from 0 to 1 that depends on the content and the seed alone."""
    digest = hashlib.blake2b(content, digest_size=8, salt=seed.to_bytes(16, "little")).digest()
    return int.from_bytes(digest, "little") / 2**64


def assign(
    sha256: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str],
    data: DataSection,
    fixed: np.ndarray | None = None,
) -> tuple[np.ndarray, list[str]]:
    """Return the split of each image (0 train, 1 validation, 2 test) and what the user should know of it.

    Args:
        sha256: Content hashes, shape (images, 32), uint8.
        labels: Class indices, shape (images,).
        class_names: The classes.
        data: The fractions and the seed.
        fixed: Splits that the source fixes. They are kept; a split that none of the images has is cut out of train.

    Raises:
        DataError: A class has too few distinct images to be in every split, or is missing from a fixed one.
    """
    positions = np.array([position(row.tobytes(), data.split_seed) for row in sha256], dtype=float)
    splits = np.full(len(labels), TRAIN, np.int8) if fixed is None else fixed.astype(np.int8)
    given = {TRAIN} if fixed is None else {TRAIN, *np.unique(splits).tolist()}
    if fixed is not None:
        _check_classes(splits, labels, class_names, given)
    fractions = {TEST: data.test_fraction, VALIDATION: data.validation_fraction}
    shares = {split: share for split, share in fractions.items() if share > 0 and split not in given}
    divide = _by_threshold if data.split_method == "threshold" else _by_count
    of_class = [np.flatnonzero((splits == TRAIN) & (labels == label)) for label in range(len(class_names))]
    _check_sizes([len(np.unique(positions[rows])) for rows in of_class], class_names, sorted({TRAIN, *shares}))
    for rows in of_class:
        ordered, content_of, num_copies = np.unique(positions[rows], return_inverse=True, return_counts=True)
        splits[rows] = divide(ordered, num_copies, shares)[content_of]
    of_their_own = [] if fixed is None else [SPLITS[split] for split in shares]
    notes = [f"the data have no {name} split of their own: it is cut out of train" for name in of_their_own]
    counts = np.bincount(labels[splits == TEST], minlength=len(class_names))
    larger = f", or --set data.test_fraction={_LARGER}" if 0 < shares.get(TEST, 0) < _LARGER else ""
    return splits, [*notes, *(f"{note}; more images help{larger}" for note in _few_test_images(counts, class_names))]


def _few_test_images(counts: np.ndarray, class_names: Sequence[str]) -> list[str]:
    """Return a line if there are too few test images to measure anything on, in all or of some classes."""
    few = [label for label in counts.argsort(kind="stable").tolist() if counts[label] < _FEW_OF_CLASS]
    if 0 < counts.sum() < _FEW:
        points = 98 / counts.sum() ** 0.5  # half the widest 95 % interval of a share, that around one half
        return [f"only {counts.sum()} test images: accuracy measured on them may be wrong by {points:.0f} points"]
    if not counts.any() or not few:
        return []
    shown = ", ".join(f"{class_names[label]!r} {counts[label]}" for label in few[:_SHOWN])
    more = f" and {len(few) - _SHOWN} more" if len(few) > _SHOWN else ""
    told = f"{len(few)} of {len(counts)} classes have fewer than {_FEW_OF_CLASS} test images ({shown}{more})"
    return [f"{told}, too few to say how well each of them is recognised"]


def _check_classes(splits: np.ndarray, labels: np.ndarray, class_names: Sequence[str], given: set[int]) -> None:
    lacking = []
    for split in sorted(given):
        counts = np.bincount(labels[splits == split], minlength=len(class_names))
        if not counts.all():
            absent = ", ".join(class_names[label] for label in np.flatnonzero(counts == 0).tolist())
            lacking.append(f"{SPLITS[split]} lacks {absent}")
    if lacking:
        raise DataError(
            f"expected usable images of every class in every split that the data have, received: {'; '.join(lacking)}",
            hint="add photographs of those classes, or take the classes or the split out of the data",
        )


def _check_sizes(sizes: Sequence[int], class_names: Sequence[str], wanted: Sequence[int]) -> None:
    lacking = [label for label, size in enumerate(sizes) if size < len(wanted)]
    if lacking:
        more = f"; as few of {len(lacking) - 1} other classes" if len(lacking) > 1 else ""
        raise DataError(
            f"expected at least {len(wanted)} different images of class {class_names[lacking[0]]!r}, one for each of"
            f" {', '.join(SPLITS[split] for split in wanted)}, received {sizes[lacking[0]]}{more}",
            hint="add photographs of such classes, leave them out, or do without a split:"
            " --set data.validation_fraction=0 or --set data.test_fraction=0 --set evaluation.split=validation",
        )


def _by_count(ordered: np.ndarray, num_copies: np.ndarray, shares: Mapping[int, float]) -> np.ndarray:  # noqa: ARG001
    """Return the splits of a class's different images, by position: as many as the shares say, at least one each."""
    cuts = [math.floor(len(ordered) * share + 0.5) for share in itertools.accumulate(shares.values())]
    counts = np.diff([0, *cuts, len(ordered)])
    while not counts.all():
        counts[counts.argmax()] -= 1
        counts[counts.argmin()] += 1
    return np.repeat(np.array([*shares, TRAIN], np.int8), counts)


def _by_threshold(ordered: np.ndarray, num_copies: np.ndarray, shares: Mapping[int, float]) -> np.ndarray:
    """Do what :func:`_by_count` does, but by position; an empty split takes the first image of the largest one."""
    splits = np.full(len(ordered), TRAIN, np.int8)
    low = 0.0
    for split, share in shares.items():
        high = low + share
        splits[(ordered >= low) & (ordered < high)] = split
        low = high
    wanted = sorted([TRAIN, *shares])
    for split in wanted:
        if not (splits == split).any():
            donors = [other for other in wanted if (splits == other).sum() > 1]
            donor = max(donors, key=lambda other: int(num_copies[splits == other].sum()))
            splits[(splits == donor).argmax()] = split
    return splits
