"""Measures of the validation images after each epoch, for those that Keras has no metric for; and the best epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

from cnnforge.data import Feed, PreparedData
from cnnforge.errors import RecipeError
from cnnforge.evaluation.evaluation import predict_rows
from cnnforge.evaluation.measure_table import asked_measures, take
from cnnforge.evaluation.predictions import Predictions
from cnnforge.host import Entry, MeasureSpec, Registry
from cnnforge.network import Predictor, components
from cnnforge.recipe import TrainingSection
from cnnforge.system import process_position

_BY_DEFAULT = ("accuracy", "loss")  # what chooses the best epoch: the first of these that Keras measures


class EpochMeasures(keras.callbacks.Callback):  # type: ignore[misc]
    """Adds measures of the validation images to the figures of each epoch, as ``val_<measure>``.

    It must come before the callbacks that read them. What the figures of the epoch have already is left as Keras
    measured it. A measure that fails has no figure in that epoch; its first failure is a warning.

    Args:
        training: Says which measures: ``epoch_measures``, and ``best`` if Keras does not measure it.
        registry: Where they are looked up.
        data: Classes, names and labels of the validation images.
        warn: Told of failures.

    Raises:
        RecipeError: There are no validation images, too few classes for a measure, or several processes.
    """

    feed: Feed | None = None
    """The validation images of the phase."""

    def __init__(
        self, training: TrainingSection, registry: Registry, data: PreparedData, warn: Callable[[str], None]
    ) -> None:
        super().__init__()
        self._wanted = asked_measures(training, registry)
        self._data = data
        self._warn = warn
        self._warned: set[str] = set()
        _check(self._wanted, data)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        wanted = [entry for entry in self._wanted if f"val_{entry.spec.name}" not in (logs or {})]
        if logs is None or self.feed is None or not wanted:
            return
        manifest, rows = self._data.manifest, self.feed.rows
        names = [manifest.names[row] for row in rows]
        probabilities = predict_rows(Predictor(self.model), self.feed.images, rows, lambda *_: None)
        predictions = Predictions("validation", manifest.class_names, names, manifest.labels[rows], probabilities)
        figures, warnings = take(predictions, wanted)
        logs.update({f"val_{name}": value for name, value in figures.items() if value is not None})
        for warning in warnings:
            if warning not in self._warned:
                self._warned.add(warning)
                self._warn(f"epoch {epoch + 1}: {warning}")


def best_epoch_figures(training: TrainingSection, registry: Registry) -> list[tuple[str, bool]]:
    """Return what chooses the best epoch: figures of an epoch, and whether higher is better; the first that is there.

    Without ``best`` that is the validation accuracy, without it the validation loss, without validation
    the loss.
    """
    catalogue = registry.catalogue(MeasureSpec)
    names = [training.best] if training.best else _BY_DEFAULT
    figures = [(f"val_{name}", catalogue.get(name).spec.better == "higher") for name in names]
    return figures if training.best else [*figures, ("loss", False)]


def restored_figures(training: TrainingSection, registry: Registry) -> list[tuple[str, bool]]:
    """Return the figure by which a callback of the recipe restores weights, for that epoch's are what is to be kept.

    Empty if there is none, or the recipe says itself what chooses the best epoch.
    """
    wanted = [c.arguments for c in training.callbacks if c.arguments.get("restore_best_weights")]
    if training.best or not wanted:
        return []
    monitor, mode = wanted[-1].get("monitor", "val_loss"), wanted[-1].get("mode", "auto")
    name, measures = monitor.removeprefix("val_"), registry.catalogue(MeasureSpec).entries
    if mode == "auto" and name in measures:
        mode = "max" if measures[name][0].spec.better == "higher" else "min"
    elif mode == "auto":
        by_name = {metric.name: metric for metric in components.build_metrics(training) if metric != "accuracy"}
        mode = "max" if getattr(by_name.get(name), "_direction", "down") == "up" else "min"
    return [(monitor, mode == "max")]


def _check(wanted: Sequence[Entry[MeasureSpec]], data: PreparedData) -> None:
    if not wanted:
        return
    names = ", ".join(entry.spec.name for entry in wanted)
    if not len(data.manifest.rows("validation")):
        raise RecipeError(f"expected validation images to measure {names} on after each epoch, received none")
    if process_position()[1] > 1:
        raise RecipeError(
            f"expected one process to train where {names} is measured after each epoch, received several",
            hint="leave out training.epoch_measures and training.best",
        )
    num_classes = len(data.manifest.class_names)
    for entry in wanted:
        if num_classes < entry.spec.needs:
            needed = f"at least {entry.spec.needs} classes for the measure {entry.spec.name}"
            raise RecipeError(f"expected {needed}, received {num_classes}")
