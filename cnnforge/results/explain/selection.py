"""Which photographs are explained: those given, or the most telling ones of the run's evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cnnforge.data.decode import UnreadableImageError, decode
from cnnforge.data.prepare import open_source
from cnnforge.errors import DataError
from cnnforge.results import examples, predictions
from cnnforge.results.evaluation import worst_mistakes
from cnnforge.results.predictions import Predictions
from cnnforge.results.trained_run import TrainedRun

_EACH = 8
"""Photographs of each kind, where none are given."""

_KINDS: dict[str, Callable[[Predictions, int], np.ndarray]] = {
    "most certain": examples.most_certain,
    "most doubtful": examples.most_doubtful,
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


def given(paths: Iterable[Path], trained: TrainedRun) -> list[Group]:
    """Return a group for each image file.

    Raises:
        DataError: A file cannot be read, or is no image.
    """
    return [Group(path.name, [Photograph(path.name, "", _read(path, trained))]) for path in paths]


def of_evaluation(trained: TrainedRun) -> list[Group]:
    """Return the most certain, the most doubtful and the worst wrong of the evaluated photographs.

    Raises:
        DataError: The run has no predictions, or its photographs are no longer where they were.
    """
    split = trained.resolved.recipe.evaluation.split
    found = predictions.read(trained.directory.predictions, split)
    source = open_source(trained.resolved)
    indices = {name: index for index, name in enumerate(source.names)}

    def photograph(position: int) -> Photograph:
        name = found.names[position]
        if name not in indices:
            raise DataError(
                f"expected the run's photographs in {source.location}, received no {name}",
                hint="give the photographs to explain: cnnforge explain RUN IMAGE…",
            )
        pixels = _decode(source.read(indices[name]), name, trained)
        return Photograph(name, found.class_names[found.labels[position]], pixels)

    chosen = {kind: [photograph(p) for p in choose(found, _EACH).tolist()] for kind, choose in _KINDS.items()}
    return [Group(kind, photographs) for kind, photographs in chosen.items() if photographs]


def _read(path: Path, trained: TrainedRun) -> np.ndarray:
    try:
        content = path.expanduser().read_bytes()
    except OSError as error:
        raise DataError(f"expected an image file, received {path}: {error.strerror}") from error
    return _decode(content, str(path), trained)


def _decode(content: bytes | np.ndarray, name: str, trained: TrainedRun) -> np.ndarray:
    try:
        return decode(content, trained.decoding).pixels
    except UnreadableImageError as error:
        raise DataError(f"expected an image that can be decoded, received {name}: {error}") from error
