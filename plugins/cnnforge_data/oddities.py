"""Images that were decoded without a fault, and from which a network may learn nothing, or something else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnnforge.data import FORMAT_NAMES, Manifest

_SHOWN = 3
_NARROW = 64  # of 256 levels: values of 14 bits in a file of 16 reach no further
_MIN_IMAGES = 5  # of a class, before anything that all of them share says something
_OF_CLASS, _OF_OTHERS = 0.9, 0.1  # the share of a class's images that have something in common, and of all others


@dataclass(frozen=True, slots=True)
class _Trait:
    """Something beside what an image shows: its value for each image, its words, and how to make all images alike."""

    what: str
    values: np.ndarray
    words: Callable[[int], str]
    way_on: str


def odd_pixels(manifest: Manifest) -> Iterator[str]:
    """Yield a warning, with names, counts and the way on, for each thing that is odd about the images of a manifest."""
    rows = np.flatnonzero(manifest.splits >= 0)
    labels = manifest.labels[rows]
    if not len(rows):
        return
    yield from _without_contrast(manifest, rows, labels)
    told_apart = False
    for trait in _traits(manifest, rows):
        if told_apart and trait.what == "orientation":
            continue  # follows from the size
        tied = list(_tied(trait.values, labels))
        told_apart = told_apart or bool(tied)
        if tied:
            yield _giveaway(trait, tied, labels, manifest.class_names)


def _without_contrast(manifest: Manifest, rows: np.ndarray, labels: np.ndarray) -> Iterator[str]:
    scanned, names = manifest.scanned, manifest.names
    is_flat, is_deep = scanned.is_one_colour[rows], scanned.is_deep[rows]
    if is_flat.any():
        yield (
            f"{is_flat.sum():,} of {len(rows):,} images are of one colour ({_named(rows[is_flat], names)}): look at"
            " them, and remove those that show nothing"
        )
    for some, kind, way_on in (
        (is_deep, " of 16 bits", "fill 0 to 65535 (16 bits are divided by 256), or save values of 8 bits with 8 bits"),
        (~is_deep & ~is_flat, "", "spread their values over 0 to 255, unless they should look like that"),
    ):
        narrow = _narrow(scanned.lows[rows], scanned.highs[rows], labels, some)
        if narrow.any():
            yield (
                f"{narrow.sum():,} images{kind} use less than a quarter of their range of values"
                f" ({_named(rows[narrow], names)}): {way_on}"
            )


def _narrow(lows: np.ndarray, highs: np.ndarray, labels: np.ndarray, some: np.ndarray) -> np.ndarray:
    """Return which images belong to a set that, but for a few of them, lies close together, or to a dark class."""
    if not some.any():
        return some
    if np.percentile(highs[some], 95) - np.percentile(lows[some], 5) < _NARROW:
        return some
    by_class = _by_class(highs[some], labels[some])
    dark = [number for number, own in enumerate(by_class) if len(own) and np.percentile(own, 95) < _NARROW]
    return some & np.isin(labels, dark)


def _by_class(values: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
    return np.split(values[np.argsort(labels, kind="stable")], np.cumsum(np.bincount(labels))[:-1])


def _named(rows: np.ndarray, names: Sequence[str]) -> str:
    return ", ".join(names[row] for row in rows[:_SHOWN].tolist()) + (", …" if len(rows) > _SHOWN else "")


def _traits(manifest: Manifest, rows: np.ndarray) -> Iterator[_Trait]:
    def of(column: str) -> Any:
        return getattr(manifest.scanned, column)[rows].astype(np.int64)

    widths, heights = of("widths"), of("heights")
    crop = "crop or resize the photographs of all classes alike"
    yield _Trait("size", widths << 32 | heights, lambda size: f"{size >> 32}×{size & 0xFFFFFFFF} pixels", crop)
    shapes = ("wide", "square", "upright")
    yield _Trait("orientation", np.sign(heights - widths), lambda sign: shapes[sign + 1], crop)
    yield _Trait("colour", of("is_grey"), ("in colour", "grey").__getitem__, "--set data.color_mode=grayscale")
    show_through = "put the images of all classes before one background"
    yield _Trait("transparency", of("is_transparent"), ("opaque", "transparent in part").__getitem__, show_through)
    yield _Trait(
        "depth", of("is_deep"), ("8 bits", "16 bits").__getitem__, "save the images of all classes with 8 bits"
    )
    one_format = "save the images of all classes in one format, since compression leaves traces"
    yield _Trait("file format", of("formats"), FORMAT_NAMES.__getitem__, one_format)


def _tied(values: np.ndarray, labels: np.ndarray) -> Iterator[tuple[int, list[int]]]:
    """Yield each value that nearly all images of some classes have, and hardly one of the others; with the classes."""
    common: dict[int, list[int]] = {}
    for number, own in enumerate(_by_class(values, labels)):
        seen, counts = np.unique(own, return_counts=True)
        if len(own) >= _MIN_IMAGES and counts.max() >= _OF_CLASS * len(own):
            common.setdefault(int(seen[counts.argmax()]), []).append(number)
    for value, classes in common.items():
        others = values[~np.isin(labels, classes)]
        if len(others) >= _MIN_IMAGES and (others == value).mean() <= _OF_OTHERS:
            yield value, classes


def _giveaway(
    trait: _Trait, tied: Sequence[tuple[int, list[int]]], labels: np.ndarray, class_names: Sequence[str]
) -> str:
    told = []
    for value, classes in tied:
        is_own, has_it = np.isin(labels, classes), trait.values == value
        more = f" and {len(classes) - _SHOWN} more classes" if len(classes) > _SHOWN else ""
        names = ", ".join(repr(class_names[number]) for number in classes[:_SHOWN]) + more
        counts = f"{(is_own & has_it).sum():,} of {is_own.sum():,}, others {(~is_own & has_it).sum():,}"
        told.append(f"{names}: {trait.words(value)} ({counts} of {(~is_own).sum():,})")
    more = f"; and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
    return (
        f"the {trait.what} alone tells classes apart: {'; '.join(told[:_SHOWN])}{more}; a network may learn that and"
        f" nothing else: {trait.way_on}"
    )
