"""Predictions for files, one after the other: decoding on all processors while the network computes."""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from cnnforge.data import DecodeSettings, KnownPixels, UnreadableImageError, decode
from cnnforge.images import GivenImage
from cnnforge.network import BATCH_SIZE
from cnnforge.runs.trained_run import TrainedRun
from cnnforge.system import num_processors

_CHUNK = 8
_MAX_IMAGES_AHEAD = 256
_MAX_BYTES_AHEAD = 64 * 2**20

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Prediction:
    """The probability of every class, float32, shape (classes,); or None and the reason there is none."""

    name: str
    probabilities: np.ndarray | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Decoded:
    name: str
    pixels: np.ndarray | None
    reason: str = ""


def predict_images(images: Iterable[GivenImage], trained: TrainedRun) -> Iterator[Prediction]:
    """Yield a prediction for each image, in the order given; memory does not grow with their number.

    The probabilities are those of ``cnnforge evaluate`` to the bit. Pixels that an image store has are taken from
    there; everything else is decoded, in threads, since Pillow works without Python's lock.
    """
    predictor = trained.predictor()
    with closing(_decoded(images, trained.decoding)) as decoded:
        for batch in _batches(decoded, BATCH_SIZE):
            pixels = [item.pixels for item in batch if item.pixels is not None]
            rows = iter(predictor(np.stack(pixels)) if pixels else ())
            for item in batch:
                yield Prediction(item.name, None if item.pixels is None else next(rows), item.reason)


def _decoded(images: Iterable[GivenImage], settings: DecodeSettings) -> Generator[_Decoded]:
    """Yield the images' pixels in order, some of them decoded ahead."""
    known = KnownPixels(settings)
    num_ahead = max(BATCH_SIZE, min(_MAX_IMAGES_AHEAD, _MAX_BYTES_AHEAD // math.prod(settings.shape)))
    waiting: deque[Future[list[_Decoded]]] = deque()
    executor = ThreadPoolExecutor(num_processors(), thread_name_prefix="decode")
    try:
        for chunk in _batches(images, _CHUNK):
            waiting.append(executor.submit(_decode_all, chunk, known, settings))
            if len(waiting) * _CHUNK > num_ahead:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
    finally:
        executor.shutdown(cancel_futures=True)


def _decode_all(images: list[GivenImage], known: KnownPixels, settings: DecodeSettings) -> list[_Decoded]:
    return [_decode(image, known, settings) for image in images]


def _decode(image: GivenImage, known: KnownPixels, settings: DecodeSettings) -> _Decoded:
    pixels = known.find(image.place, image.signature) if image.signature else None
    if pixels is not None:
        return _Decoded(image.name, pixels)
    try:
        return _Decoded(image.name, decode(image.read(), settings).pixels)
    except UnreadableImageError as error:
        return _Decoded(image.name, None, str(error))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return _Decoded(image.name, None, reason[:1].lower() + reason[1:])


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, size)):
        yield batch
