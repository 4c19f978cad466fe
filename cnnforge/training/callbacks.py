"""What happens during ``fit`` besides training: metrics, checkpoints, divergence, interruption."""

from __future__ import annotations

import json
import math
import statistics
import time
from typing import Any

import keras

from cnnforge import files
from cnnforge.data.feed import Feed
from cnnforge.errors import InterruptedRunError, TrainingDivergedError
from cnnforge.reporter import Reporter
from cnnforge.run_dir import RunDir
from cnnforge.training.interrupt import Interrupt
from cnnforge.training.weights import save_weights


class MetricsLog(keras.callbacks.Callback):  # type: ignore[misc]
    """Appends one line of metrics an epoch to ``metrics.jsonl``.

    ``images_per_second`` counts the training steps alone, without validation and saving. ``waiting_seconds`` is how
    long training stood still because the feed had not finished the next batch.
    """

    def __init__(self, run_dir: RunDir, feed: Feed) -> None:
        super().__init__()
        self.history: list[dict[str, Any]] = []
        self._run_dir = run_dir
        self._feed = feed
        self._epoch_start = self._last_batch_end = self._waiting = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch_start = self._last_batch_end = time.perf_counter()
        self._waiting = 0.0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._waiting += max(0.0, self._feed.ready_time(batch) - self._last_batch_end)
        self._last_batch_end = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        training_seconds = self._last_batch_end - self._epoch_start
        line = {
            "epoch": epoch + 1,
            "seconds": round(time.perf_counter() - self._epoch_start, 3),
            "training_seconds": round(training_seconds, 3),
            "waiting_seconds": round(self._waiting, 3),
            "images_per_second": round(len(self._feed.rows) / training_seconds, 1),
            "learning_rate": float(keras.ops.convert_to_tensor(self.model.optimizer.learning_rate)),
            **{name: float(value) for name, value in (logs or {}).items() if name != "learning_rate"},
        }
        self.history.append(line)
        with files.storage_errors(self._run_dir.metrics), self._run_dir.metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def summary(self) -> dict[str, float]:
        """Return the median speed and the share of training that waited for data."""
        waiting = sum(line["waiting_seconds"] for line in self.history)
        return {
            "images_per_second": statistics.median(line["images_per_second"] for line in self.history),
            "waiting_share": waiting / sum(line["training_seconds"] for line in self.history),
        }


class BestWeights(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps the weights of the best epoch.

    The best epoch has the highest validation accuracy, or where that is not measured the lowest validation loss, or
    without validation the lowest loss. A figure that is not finite is never the best.
    """

    def __init__(self, run_dir: RunDir) -> None:
        super().__init__()
        self.epoch = 0
        self._run_dir = run_dir
        self._best = -math.inf

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        score = self._score(logs or {})
        if math.isfinite(score) and score > self._best:
            save_weights(self.model, self._run_dir.best_weights)
            self._best, self.epoch = score, epoch + 1

    @staticmethod
    def _score(logs: dict[str, Any]) -> float:
        if "val_accuracy" in logs:
            return float(logs["val_accuracy"])
        return -float(logs.get("val_loss", logs.get("loss", math.nan)))


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


class StopOnInterrupt(keras.callbacks.Callback):  # type: ignore[misc]
    """Saves the weights and stops training when Ctrl-C was pressed.

    Raises:
        InterruptedRunError: From ``fit``, after the present batch.
    """

    def __init__(self, run_dir: RunDir, interrupt: Interrupt) -> None:
        super().__init__()
        self._run_dir = run_dir
        self._interrupt = interrupt

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._check()

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._check()

    def _check(self) -> None:
        if self._interrupt.is_requested:
            save_weights(self.model, self._run_dir.last_weights)
            raise InterruptedRunError("stopped by Ctrl-C; the weights up to here are saved")


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
