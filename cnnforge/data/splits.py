"""Which image is for training, which for validation, which for testing.

An image's split follows from its content alone: a hash of its bytes and of ``data.split_seed`` gives a number from 0
to 1, and the fractions cut that range. So adding photographs never moves old ones, identical photographs always fall
into one split, and each class is divided alike (stratified) up to chance.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from cnnforge.errors import DataError
from cnnforge.images import SPLITS
from cnnforge.recipe import DataSection

LEFT_OUT = -1
TRAIN, VALIDATION, TEST = range(3)
_SHOWN = 5


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
    missing = [split for split, fraction in fractions.items() if fraction > 0 and split not in given]
    low = 0.0
    movable = splits == TRAIN
    for split in missing:
        high = low + fractions[split]
        splits[movable & (positions >= low) & (positions < high)] = split
        low = high
    of_their_own = [] if fixed is None else [SPLITS[split] for split in missing]
    notes = [f"the data have no {name} split of their own: it is cut out of train" for name in of_their_own]
    moved = {}
    for label, name in enumerate(class_names):
        rows = np.flatnonzero(movable & (labels == label))
        if number := _fill_empty(splits, positions, rows, sorted([TRAIN, *missing]), name):
            moved[name] = number
    return splits, notes + _notes_of_small(moved)


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


def _fill_empty(splits: np.ndarray, positions: np.ndarray, rows: np.ndarray, wanted: list[int], name: str) -> int:
    """Give every wanted split of one class at least one image, the nearest in position of the largest; count those."""
    num_moved = 0
    for split in wanted:
        if (splits[rows] == split).any():
            continue
        donor = max(wanted, key=lambda s: int((splits[rows] == s).sum()))
        candidates = rows[splits[rows] == donor]
        if len(np.unique(positions[candidates])) < 2:
            raise DataError(
                f"expected at least {len(wanted)} different images of class {name!r}, one for each of"
                f" {', '.join(SPLITS[s] for s in wanted)}, received {len(np.unique(positions[rows]))}",
                hint="add photographs of that class, or set data.test_fraction or data.validation_fraction to 0",
            )
        moved = candidates[positions[candidates] == positions[candidates].min()]
        splits[moved] = split
        num_moved += len(moved)
    return num_moved


def _notes_of_small(num_moved: Mapping[str, int]) -> list[str]:
    """Return one line on the classes of which images were moved, however many there are."""
    names = list(num_moved)
    if not names:
        return []
    which = f"class {names[0]!r} is" if len(names) == 1 else f"{len(names)} classes are"
    shown = "" if len(names) == 1 else f": {', '.join(names[:_SHOWN])}{', …' if len(names) > _SHOWN else ''}"
    number = sum(num_moved.values())
    return [f"{which} so small that {number} images had to be moved for every split to have some{shown}"]
