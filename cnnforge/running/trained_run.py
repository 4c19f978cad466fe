"""A run that has been trained, ready to be used: its network, classes and decoding; and what it predicts of files."""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
import numpy as np

from cnnforge.data import DecodeSettings, KnownPixels, UnreadableImageError, decode
from cnnforge.errors import RecipeError, StorageError
from cnnforge.host import Registry
from cnnforge.images import GivenImage
from cnnforge.network import BATCH_SIZE, Predictor, trained_model
from cnnforge.recipe import ResolvedRecipe, load_recipe, resolve
from cnnforge.running.run_dir import RunDir
from cnnforge.system import num_processors

_MAX_IMAGES_AHEAD = 256
_MAX_BYTES_AHEAD = 64 * 2**20


@dataclass(frozen=True, slots=True)
class TrainedRun:
    """What a run directory holds for those who use its network.

    ``class_names`` are in the order of the network's outputs; ``model`` has the weights of the best epoch, computes
    in float32 and is not compiled.
    """

    directory: RunDir
    resolved: ResolvedRecipe
    class_names: tuple[str, ...]
    model: keras.Model

    @property
    def decoding(self) -> DecodeSettings:
        """How images become what the network was trained on."""
        return DecodeSettings.of(self.resolved.recipe.data, self.resolved.input_shape)

    def predictor(self) -> Predictor:
        """Return what gives the probabilities of images."""
        return Predictor(self.model)


def load_trained_run(directory: RunDir, registry: Registry) -> TrainedRun:
    """Return a trained run: the network built by its plugin from the run's own recipe, then given its best weights.

    Nothing in the run directory is executed: the recipe is checked text, the weights are numbers.

    Raises:
        RecipeError: The run has no trained weights (yet).
        UnknownNameError: The plugin that built the network is not installed.
        StorageError: The weights are those of another network, or a file is damaged.
        UnsafeFileError: The weights are not those that the run wrote.
    """
    facts = directory.read_run()
    if not directory.best_weights.is_file():
        raise RecipeError(
            f"expected a run with trained weights, received {directory.path}, which has none",
            hint="`cnnforge run` writes them after the first epoch",
        )
    resolved = resolve(load_recipe(str(directory.recipe), registry), registry)
    class_names = _class_names(directory, facts)
    sha256 = str(facts["weights"].get("sha256"))
    model = trained_model(resolved, len(class_names), directory.best_weights, sha256)
    return TrainedRun(directory, resolved, class_names, model)


def _class_names(directory: RunDir, facts: dict[str, Any]) -> tuple[str, ...]:
    data = facts.get("data")
    names = data.get("class_names") if isinstance(data, dict) else None
    if not isinstance(names, list) or len(names) < 2 or len({str(name) for name in names}) < len(names):
        raise StorageError(
            f"expected {directory.run_json} to name the classes of the network, received class_names={names!r:.80}",
            hint="take it from a copy of the run, or train again",
        )
    return tuple(map(str, names))


@dataclass(frozen=True, slots=True)
class Prediction:
    """The probability of every class, float32, shape (classes,); or None and the reason there is none."""

    name: str
    probabilities: np.ndarray | None
    reason: str = ""


class _Decoded(NamedTuple):
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
        while batch := list(itertools.islice(decoded, BATCH_SIZE)):
            pixels = [item.pixels for item in batch if item.pixels is not None]
            rows = iter(predictor(np.stack(pixels)) if pixels else ())
            for item in batch:
                yield Prediction(item.name, None if item.pixels is None else next(rows), item.reason)


def _decoded(images: Iterable[GivenImage], settings: DecodeSettings) -> Generator[_Decoded]:
    """Yield the images' pixels in order, some of them decoded ahead."""
    known = KnownPixels(settings)
    num_ahead = max(BATCH_SIZE, min(_MAX_IMAGES_AHEAD, _MAX_BYTES_AHEAD // math.prod(settings.shape)))
    waiting: deque[Future[_Decoded]] = deque()
    executor = ThreadPoolExecutor(num_processors(), thread_name_prefix="decode")
    try:
        for image in images:
            waiting.append(executor.submit(_decode, image, known, settings))
            if len(waiting) > num_ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        executor.shutdown(cancel_futures=True)


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
