"""Which photographs are explained: those given, or the most telling ones of the run's evaluation."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from io import BufferedReader
from itertools import islice
from typing import cast

import numpy as np

from cnnforge.data import decode, open_source
from cnnforge.errors import DataError, RecipeError
from cnnforge.evaluation import Predictions, most_doubtful, read_predictions, worst_mistakes
from cnnforge.images import given_images
from cnnforge.running import RunImages, TrainedRun, split_lines

_EACH = 8
"""Photographs of each kind, where none are given."""

_MAX_GIVEN = 100


def _most_certain(predictions: Predictions, limit: int) -> np.ndarray:
    """Return the positions of the right predictions of highest probability, the highest first."""
    right = np.flatnonzero(predictions.predicted == predictions.labels)
    return right[np.argsort(-predictions.confidence[right], kind="stable")][:limit]


_KINDS: dict[str, Callable[[Predictions, int], np.ndarray]] = {
    "most certain": _most_certain,
    "most doubtful": most_doubtful,
    "worst mistakes": worst_mistakes,
}


@dataclass(frozen=True, slots=True)
class Photograph:
    """A photograph to explain; ``label`` is empty where it is not known, ``pixels`` are as the network takes them."""

    name: str
    label: str
    pixels: np.ndarray


@dataclass(frozen=True, slots=True)
class Group:
    """Photographs that belong together, and what they are."""

    title: str
    photographs: Sequence[Photograph]


def given(paths: Iterable[str], trained: TrainedRun) -> list[Group]:
    """Return a group for each image that paths stand for, as ``cnnforge predict`` takes them.

    Raises:
        DataError: A file cannot be read, or is no image; or there is none.
        RecipeError: There are too many for a page.
    """
    images = list(islice(given_images(paths, cast("BufferedReader", sys.stdin.buffer)), _MAX_GIVEN + 1))
    if len(images) > _MAX_GIVEN:
        raise RecipeError(f"expected at most {_MAX_GIVEN} images to explain, received more")
    if not images:
        raise DataError("expected images to explain, received none")
    return [Group(image.name, [Photograph(image.name, "", _read(image.read, image.name, trained))]) for image in images]


def of_evaluation(trained: TrainedRun) -> list[Group]:
    """Return the most certain, the most doubtful and the worst wrong of the evaluated photographs.

    Raises:
        DataError: The run has no predictions, or its photographs are no longer where they were.
    """
    split = trained.resolved.recipe.evaluation.split
    predictions = read_predictions(trained.directory.predictions, split)
    sha256 = {line["name"]: line["sha256"] for line in split_lines(trained.directory, split)}
    hint = "give the photographs to explain: cnnforge explain RUN IMAGE…"
    images = RunImages(open_source(trained.resolved), hint)

    def photograph(position: int) -> Photograph:
        name = predictions.names[position]
        pixels = _read(lambda: images.read(name, sha256[name]), name, trained)
        return Photograph(name, predictions.class_names[predictions.labels[position]], pixels)

    selected = {kind: [photograph(p) for p in select(predictions, _EACH).tolist()] for kind, select in _KINDS.items()}
    return [Group(kind, photographs) for kind, photographs in selected.items() if photographs]


def _read(read: Callable[[], bytes | np.ndarray], name: str, trained: TrainedRun) -> np.ndarray:
    try:
        return decode(read(), trained.decoding).pixels
    except (OSError, ValueError) as error:  # what a source raises, and what the decoder does
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"expected an image that can be decoded, received {name}: {reason}") from error
