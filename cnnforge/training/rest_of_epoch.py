"""Training the rest of an epoch, where Keras knows only whole ones.

The feed gives empty batches for what has been trained already; here they pass without a training step, and without
any callback hearing of them. Ending the epoch early instead is no way: TensorFlow may advance the random generators
of layers in the very step that finds no more data.
"""

from __future__ import annotations

from typing import Any

import keras

from cnnforge.data import Feed


class CallbacksFrom(keras.callbacks.CallbackList):  # type: ignore[misc]
    """Callbacks that hear of no batch before the feed's first."""

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
