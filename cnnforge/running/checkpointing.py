"""Saving everything that training has come to, every few minutes and when it is asked to stop; and going on from it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from cnnforge.data import Feed
from cnnforge.errors import RecipeError, StorageError
from cnnforge.network import finalize_constants, read_arrays, variable_arrays, write_arrays
from cnnforge.running import checkpoints
from cnnforge.running.checkpoints import Checkpoint
from cnnforge.running.run_dir import Run
from cnnforge.system import Interrupt, files
from cnnforge.training import BestWeights, Phase, capture_callbacks, restore_callbacks, skip_steps


def build_state(model: keras.Model, feed: Feed) -> None:
    """Make the variables of optimizer and metrics, which Keras otherwise makes in the first step, after a restore.

    And make the loss: on JAX Keras otherwise takes a batch from the feed for that, which would not be trained on.
    A network's own loss may look at the image, and change the network's variables, which are put back.
    """
    model.optimizer.build(model.trainable_variables)
    before = [keras.ops.copy(variable) for variable in model.variables]
    images = keras.ops.convert_to_tensor(feed.images.gather(feed.rows[:1]))
    targets = keras.ops.convert_to_tensor(feed.targets[:1])
    outputs = model(images, training=False)
    model.compute_loss(x=images, y=targets, y_pred=outputs)
    model.compute_metrics(images, targets, outputs)
    model.reset_metrics()
    for variable, value in zip(model.variables, before, strict=True):
        variable.assign(value)


def restore_model(model: keras.Model, start: Checkpoint) -> None:
    """Give a network the weights of a checkpoint.

    Raises:
        RecipeError: They are those of another network.
    """
    _restore_part(start, read_arrays(start.state), "model", model.variables)
    finalize_constants(model)


class Checkpointing(keras.callbacks.Callback):  # type: ignore[misc]
    """Saves checkpoints, and restores one when training begins. Must be the last callback, to see what others did.

    A checkpoint holds every variable of model, optimizer and metrics, the position and the state of callbacks. One
    of an epoch's end is restored before the next epoch begins, one from within an epoch after it has begun, which is
    where each was saved.

    Args:
        run: Its directory, and how often to save.
        phase: The part of training that this is.
        feed: The training images, told where each epoch starts.
        stateful: The callbacks whose state belongs to the run.
        best: Names the best weights so far.
        interrupt: Asked after each batch whether to stop.
        facts: Written into every checkpoint.
        start: What to go on from; None starts from the beginning.

    Raises:
        KeyboardInterrupt: From ``fit``, when the run was asked to stop, after saving.
        StorageError: From ``fit``, when a checkpoint cannot be written.
    """

    def __init__(
        self,
        run: Run,
        phase: Phase,
        *,
        feed: Feed,
        stateful: Sequence[keras.callbacks.Callback],
        best: BestWeights,
        interrupt: Interrupt,
        facts: Mapping[str, Any],
        start: Checkpoint | None,
    ) -> None:
        super().__init__()
        self._run = run
        self._directory = run.directory
        self._phase = phase
        self._training = run.resolved.recipe.training
        self._feed = feed
        self._stateful = stateful
        self._best = best
        self._interrupt = interrupt
        self._facts = facts
        self._start = start
        self._epoch = self._batch = self._steps = 0
        self._saved_at = time.monotonic()
        self._trained: tuple[dict[str, np.ndarray], list[dict[str, Any]]] | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._saved_at = time.monotonic()
        start = self._start
        if start is not None and (start.batch == 0 or start.epoch >= self._phase.last_epoch):
            self._restore(start)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        start, self._start = self._start, None
        first = 0 if start is None else min(start.batch, len(self._feed))
        self._feed.start_epoch(epoch, first)
        if start is not None and start.batch:
            self._restore(start)
            skip_steps(self.model, first)
        self._epoch, self._batch, self._trained = epoch, first, None

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._batch, self._steps = batch + 1, self._steps + 1
        self._interrupt.defers = True  # from now on there is something to save
        self._save_if_due()

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        # Validation uses the same metrics for its own figures; what training measured must outlast it.
        self._trained = self._training_state()

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._save_if_due()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch, self._batch, self._trained = epoch + 1, 0, None
        self._save(is_stopped=self.model.stop_training)
        if self._interrupt.is_requested:
            self._interrupt.release()

    def _save_if_due(self) -> None:
        is_late = time.monotonic() - self._saved_at >= 60 * self._training.checkpoint_minutes
        if self._interrupt.is_requested or is_late or self._steps >= (self._training.checkpoint_steps or np.inf):
            self._save()
        if self._interrupt.is_requested:
            self._interrupt.release()

    def _save(self, *, is_stopped: bool = False) -> None:
        folder = self._directory.checkpoints
        with files.storage_errors(folder):
            if not folder.is_dir():
                raise StorageError(f"expected {folder} to stay while the run trains, received a folder that is gone")
        metrics, callbacks = self._trained or self._training_state()
        path = checkpoints.next_path(folder)
        sha256 = write_arrays(path.with_suffix(".npz"), self._arrays("model") | self._arrays("optimizer") | metrics)
        weights = self._best.weights
        written = {f"{path.stem}.npz": sha256} | ({weights["file"]: weights["sha256"]} if weights else {})
        position = {"phase": self._phase.number, "epoch": self._epoch, "batch": self._batch}
        facts = {**position, "is_stopped": is_stopped, **self._facts}
        checkpoints.publish(path, {**facts, "files": written, "callbacks": callbacks})
        self._name_best()
        self._steps, self._saved_at = 0, time.monotonic()

    def _training_state(self) -> tuple[dict[str, np.ndarray], list[dict[str, Any]]]:
        """Return what training has measured so far, and the state of callbacks, which may refer to it."""
        arrays = self._arrays("metrics")
        return arrays, capture_callbacks(self._stateful, arrays)

    def _restore(self, start: Checkpoint) -> None:
        arrays = read_arrays(start.state)
        for part, variables in self._variables().items():
            _restore_part(start, arrays, part, variables)
        finalize_constants(self.model)
        restore_callbacks(self._stateful, start.facts["callbacks"], arrays, accept_changes=self._run.accept_changes)
        self._name_best()

    def _name_best(self) -> None:
        if self._best.weights != self._directory.read_run().get("weights", {}):
            self._directory.update_run(weights=self._best.weights)

    def _variables(self) -> dict[str, list[keras.Variable]]:
        model = self.model
        return {"model": model.variables, "optimizer": model.optimizer.variables, "metrics": model.metrics_variables}

    def _arrays(self, part: str) -> dict[str, np.ndarray]:
        return {f"{part} {name}": value for name, value in variable_arrays(self._variables()[part]).items()}


def _restore_part(
    start: Checkpoint, arrays: Mapping[str, np.ndarray], part: str, variables: Sequence[keras.Variable]
) -> None:
    values = [value for name, value in arrays.items() if name.startswith(f"{part} ")]
    if [value.shape for value in values] != [tuple(variable.shape) for variable in variables]:
        raise RecipeError(
            f"expected {start.state} to hold the {part} of this run, received that of another network",
            hint="the plugin that builds the network, or Keras, has changed since: install what run.json names",
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
