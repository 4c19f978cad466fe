"""What happens during ``fit`` besides training: metrics, best weights, averages, progress, the rest of an epoch."""

from __future__ import annotations

import json
import math
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from cnnforge.data import Feed
from cnnforge.errors import RecipeError, TrainingDivergedError
from cnnforge.network import save_weights
from cnnforge.system import Reporter, files
from cnnforge.training.phase import Phase


class MetricsLog(keras.callbacks.Callback):  # type: ignore[misc]
    """Appends one line of metrics an epoch to a file: the run's ``metrics.jsonl``.

    ``images_per_second`` counts the training steps alone, without validation and saving. ``waiting_seconds`` is how
    long training stood still because the feed had not finished the next batch.
    """

    feed: Feed
    """The training images of the phase."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.history: list[dict[str, Any]] = []
        self._path = path
        self._epoch_start = self._last_batch_end = self._waiting = 0.0

    def get_state(self) -> dict[str, Any]:
        """Return the finished epochs, and how long the present one has taken."""
        return {
            "history": self.history,
            "waiting": self._waiting,
            "training": self._last_batch_end - self._epoch_start,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from there; epochs that the file has beyond that are trained again."""
        self.history = state["history"]
        self._waiting = state["waiting"]
        self._last_batch_end = time.perf_counter()
        self._epoch_start = self._last_batch_end - state["training"]
        self._rewrite()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._rewrite()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch_start = self._last_batch_end = time.perf_counter()
        self._waiting = 0.0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._waiting += max(0.0, self.feed.ready_time(batch) - self._last_batch_end)
        self._last_batch_end = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        training_seconds = self._last_batch_end - self._epoch_start
        line = {
            "epoch": epoch + 1,
            "seconds": round(time.perf_counter() - self._epoch_start, 3),
            "training_seconds": round(training_seconds, 3),
            "waiting_seconds": round(self._waiting, 3),
            "images_per_second": round(len(self.feed.rows) / training_seconds, 1),
            "learning_rate": float(keras.ops.convert_to_tensor(self.model.optimizer.learning_rate)),
            **{name: float(value) for name, value in (logs or {}).items() if name != "learning_rate"},
        }
        self.history.append(line)
        files.append_line(self._path, json.dumps(line))

    def _rewrite(self) -> None:
        files.write_text(self._path, "".join(json.dumps(line) + "\n" for line in self.history))

    def summary(self, phases: Sequence[Phase]) -> dict[str, float | str]:
        """Return the median speed in the phase that took longest, which that is, and the share of waiting for data."""
        lines = [[line for line in self.history if p.first_epoch < line["epoch"] <= p.last_epoch] for p in phases]
        seconds = [sum(line["training_seconds"] for line in of_phase) for of_phase in lines]
        longest = lines[seconds.index(max(seconds))]
        which = f"epochs {longest[0]['epoch']} to {longest[-1]['epoch']}"
        return {
            "images_per_second": statistics.median(line["images_per_second"] for line in longest),
            **({"speed_phase": which} if sum(map(bool, lines)) > 1 else {}),
            "waiting_share": sum(line["waiting_seconds"] for line in self.history) / sum(seconds),
        }


class BestWeights(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps the weights of the best epoch.

    A figure that is not finite is never the best; among equal ones that of the lowest validation loss is. Every epoch
    has a file of its own, so that no checkpoint ever names weights that were overwritten; ``weights`` is what
    ``run.json`` says of it.

    Args:
        folder: Where the weights are kept.
        figures: What is compared, as ``metrics.jsonl`` names it, and whether higher is better; of several the first
            that an epoch has.
        restored: The same in place of it, where a callback restores weights by a figure of its own.
    """

    def __init__(
        self, folder: Path, figures: Sequence[tuple[str, bool]], restored: Sequence[tuple[str, bool]] = ()
    ) -> None:
        super().__init__()
        self.weights: dict[str, Any] = {}
        self._folder = folder
        self._before = figures
        self._figures = restored or figures
        self._best: tuple[float, ...] = (-math.inf, -math.inf)

    def get_state(self) -> dict[str, Any]:
        """Return which epoch is the best so far and its score."""
        return {"weights": self.weights, "best": self._best}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from there; a run that began when the first among equals was kept keeps to that."""
        self.weights, self._best = state["weights"], state["best"]
        if not isinstance(self._best, tuple):
            self._best, self._figures = (self._best,), self._before

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        figures = logs or {}
        loss = float(figures.get("val_loss", figures.get("loss", math.inf)))
        score = (self._score(figures), -loss if math.isfinite(loss) else -math.inf)[: len(self._best)]
        if math.isfinite(score[0]) and score > self._best:
            path = self._folder / f"best-{epoch + 1:04}.npz"
            self.weights = {"epoch": epoch + 1, "file": path.name, "sha256": save_weights(self.model, path)}
            self._best = score

    def _score(self, logs: dict[str, Any]) -> float:
        for name, is_higher_better in self._figures:
            if name in logs:
                return float(logs[name]) if is_higher_better else -float(logs[name])
        return math.nan


class StopOnDivergence(keras.callbacks.Callback):  # type: ignore[misc]
    """Stops training at the first step whose loss is not a finite number.

    Raises:
        TrainingDivergedError: From ``fit``; the weights of the best epoch are kept.
    """

    def __init__(self) -> None:
        super().__init__()
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        loss = float((logs or {}).get("loss", 0.0))
        if not math.isfinite(loss):
            raise TrainingDivergedError(
                f"expected a finite loss, received loss={loss} at step {batch + 1} of epoch {self._epoch + 1}",
                hint="try a lower learning rate: --set training.learning_rate=…",
            )


class ShowProgress(keras.callbacks.Callback):  # type: ignore[misc]
    """Tells the reporter how far an epoch is, and the figures of each finished one."""

    def __init__(self, reporter: Reporter, num_images: int, batch_size: int, epochs: int) -> None:
        super().__init__()
        self._reporter = reporter
        self._num_images = num_images
        self._batch_size = batch_size
        self._epochs = epochs
        self._start = 0.0
        self._label = ""

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._start = time.perf_counter()
        self._label = f"Epoch {epoch + 1:>{len(str(self._epochs))}}/{self._epochs}"
        self._reporter.progress(self._label, 0, self._num_images)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        done = min((batch + 1) * self._batch_size, self._num_images)
        self._reporter.progress(self._label, done, self._num_images)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        seconds = time.perf_counter() - self._start
        shown = sorted((logs or {}).items(), key=lambda item: (item[0].startswith("val_"), "loss" not in item[0]))
        figures = "  ".join(f"{name} {value:.3f}" for name, value in shown if name != "learning_rate")
        self._reporter.finish(f"{self._label}  {figures}  {seconds:.0f} s")


class _SwapAverages(keras.callbacks.SwapEMAWeights):  # type: ignore[misc]
    """Averages in place from each validation to the beginning of the next epoch.

    Keras by itself validates and saves the weights of the last step, and ``SwapEMAWeights`` as it comes validates the
    averages but leaves the others to be saved. Here what was validated is what is kept (decision 43).
    """

    def __init__(self) -> None:
        super().__init__(swap_on_epoch=True)

    def set_params(self, params: dict[str, Any]) -> None:
        # After the last epoch Keras would let go of the weights that train; a checkpoint must keep them.
        super().set_params({**params, "epochs": 0})


def with_averages(
    model: keras.Model, callbacks: Sequence[keras.callbacks.Callback]
) -> tuple[list[keras.callbacks.Callback], list[keras.callbacks.Callback]]:
    """Return what must come before the callbacks of a run, and which of the given ones come after them.

    Args:
        model: Compiled.
        callbacks: The recipe's and the plugins'; where the optimizer keeps averages (``use_ema``), a
            ``SwapEMAWeights`` among them has nothing left to do, and is left out.

    Raises:
        RecipeError: There is a ``SwapEMAWeights``, and the optimizer keeps no averages.
    """
    others = [callback for callback in callbacks if not isinstance(callback, keras.callbacks.SwapEMAWeights)]
    if getattr(model.optimizer, "use_ema", False):
        return [_SwapAverages()], others
    if len(others) < len(callbacks):
        raise RecipeError(
            "training.callbacks: expected SwapEMAWeights only beside an optimizer that averages the weights, received"
            f" {type(model.optimizer).__name__} without use_ema",
            hint='say so in the recipe: optimizer = { name = "…", use_ema = true }',
        )
    return [], others


class CallbacksFrom(keras.callbacks.CallbackList):  # type: ignore[misc]
    """Callbacks that hear of no batch before the feed's first, so that the rest of an epoch can be trained.

    Keras knows only whole epochs: the feed gives empty batches for what has been trained already, and
    :func:`skip_steps` lets them pass. Ending the epoch early instead is no way: TensorFlow may advance the random
    generators of layers in the very step that finds no more data.
    """

    def __init__(self, callbacks: list[keras.callbacks.Callback], feed: Feed, **arguments: Any) -> None:
        super().__init__(callbacks, **arguments)
        self._feed = feed

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if batch >= self._feed.first_batch:
            super().on_train_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if batch >= self._feed.first_batch:
            super().on_train_batch_end(batch, logs)


def skip_steps(model: keras.Model, num_steps: int) -> None:
    """Let the next steps of ``fit`` pass: their batches are taken and nothing is done with them."""
    train, remaining = model.train_function, num_steps
    logs = model.get_metrics_result()  # if all steps of the epoch pass, these are its figures

    def step(*arguments: Any) -> Any:
        nonlocal remaining
        if not remaining:
            model.train_function = train
            return train(*arguments)
        remaining -= 1
        next(arguments[-1])
        return logs if len(arguments) == 1 else (logs, arguments[0])  # JAX passes its state through

    model.train_function = step
