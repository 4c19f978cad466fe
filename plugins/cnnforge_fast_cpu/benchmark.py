"""Where the time of a recipe goes on this machine: reading, feeding, training, evaluating, each measured apart."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from cnnforge.data import DecodeSettings, Feed, open_source, prepare, scan
from cnnforge.host import Registry
from cnnforge.recipe import ResolvedRecipe
from cnnforge.running import Run, RunDir, TrainableModel, trainable_model
from cnnforge.system import Reporter
from cnnforge.training import choose_precision, make_feeds

_ENOUGH = 0.95  # of the speed on a batch that is always there: nothing is to be gained from a faster feed
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Speeds:
    """Images a second of each part; ``waiting_share`` is what training with the feed loses to it."""

    scan: float
    feed: float
    train_step: float
    train_with_feed: float
    evaluate: float
    predict: float

    @property
    def waiting_share(self) -> float:
        """Share of the time in which training waits for the feed, from 0 to 1."""
        return max(0.0, 1 - self.train_with_feed / self.train_step)


class _Repeated(keras.utils.PyDataset):  # type: ignore[misc]
    """The same batch, always there: what the fastest possible feed would be."""

    def __init__(self, batch: tuple[np.ndarray, ...], num_batches: int) -> None:
        super().__init__()
        self._batch = batch
        self._num_batches = num_batches

    def __len__(self) -> int:
        return self._num_batches

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        return self._batch


def benchmark(resolved: ResolvedRecipe, registry: Registry, reporter: Reporter, num_steps: int) -> dict[str, Any]:
    """Measure every part of a recipe and say what bounds it.

    Args:
        resolved: The recipe.
        registry: The plugins, told of each model.
        reporter: Told what is being measured.
        num_steps: Training steps of each round; medians of three rounds, the two feeds in turn.
    """
    images = open_source(resolved)
    settings = DecodeSettings.of(resolved.recipe.data, resolved.input_shape)
    scan_seconds = _seconds(
        lambda: scan(images, settings, "memory", lambda done, total: reporter.progress("Reading images", done, total))
    )
    data = prepare(resolved, images, lambda done, total: reporter.progress("Storing images", done, total))
    feeds = make_feeds(resolved, data)
    train = feeds["train"]
    num_steps = min(num_steps, len(train))
    reporter.finish(f"Measuring {num_steps} steps of {train.batch_size} images, {_ROUNDS} times")
    compiled = partial(_compiled, resolved, registry, len(data.manifest.class_names), len(train))
    pixels, targets, *_ = train[0]
    precision = choose_precision(resolved.recipe.training.precision, compiled, (pixels, targets))
    model = compiled(precision.policy).model
    repeated, fed = _training_rates(model, train, num_steps)
    measured = feeds.get("validation", feeds[resolved.recipe.evaluation.split])
    speeds = Speeds(
        scan=len(images) / scan_seconds,
        feed=_rate(lambda: [train[index] for index in range(num_steps)], num_steps * train.batch_size),
        train_step=repeated,
        train_with_feed=fed,
        evaluate=_rate(lambda: model.evaluate(measured, verbose=0), len(measured.rows)),
        predict=_rate(lambda: model.predict(measured, verbose=0), len(measured.rows)),
    )
    return {
        "images_per_second": {name: round(rate, 1) for name, rate in asdict(speeds).items()},
        "waiting_share": round(speeds.waiting_share, 4),
        "precision": asdict(precision),
        "verdict": verdict(speeds),
    }


def _compiled(
    resolved: ResolvedRecipe, registry: Registry, num_classes: int, steps_per_epoch: int, policy: str
) -> TrainableModel:
    """Return the network as a run trains it."""
    with tempfile.TemporaryDirectory() as folder:  # plugins are told of a run, and there is none
        run = Run(RunDir(Path(folder)), resolved)
        return trainable_model(run, registry, num_classes, steps_per_epoch, policy)


def verdict(speeds: Speeds) -> str:
    """Return in a sentence or two what bounds training and what would change that."""
    if speeds.train_with_feed >= _ENOUGH * speeds.train_step:
        spare = speeds.feed / speeds.train_step
        return (
            f"Bound by computing: the feed alone could deliver {spare:.0f} times what training takes."
            " A smaller image, a smaller network or a faster processor would speed it up."
        )
    return (
        f"Bound by input: with data that are always there, training would be"
        f" {speeds.train_step / speeds.train_with_feed:.1f} times as fast. Keep decoded images (data.store=disk,"
        " CNNFORGE_CACHE_GB), or use lighter augmentation."
    )


def _training_rates(model: keras.Model, train: Feed, num_steps: int) -> tuple[float, float]:
    """Return images a second on one repeated batch and on the feed, measured in turn: medians."""
    repeated, fed = [], []
    num_images = num_steps * train.batch_size
    for round_number in range(_ROUNDS + 1):
        first = _fit_seconds(model, _Repeated(train[0], num_steps), num_steps)
        second = _fit_seconds(model, train, num_steps)
        if round_number:  # the first round compiles
            repeated.append(num_images / first)
            fed.append(num_images / second)
    return statistics.median(repeated), statistics.median(fed)


def _fit_seconds(model: keras.Model, feed: keras.utils.PyDataset, num_steps: int) -> float:
    """Return the seconds between the end of the first and of the last step of a short ``fit``."""
    ends: list[float] = []
    note = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: ends.append(time.perf_counter()))
    model.fit(feed, steps_per_epoch=num_steps, epochs=1, shuffle=False, verbose=0, callbacks=[note])
    return (ends[-1] - ends[0]) * num_steps / max(1, len(ends) - 1)


def _rate(work: Callable[[], object], num_images: int) -> float:
    work()
    return num_images / statistics.median(_seconds(work) for _ in range(_ROUNDS))


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
