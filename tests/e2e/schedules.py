"""Keras classes that the tests name in recipes."""

from __future__ import annotations

import os
import signal
from typing import Any

import keras


class JumpAfter(keras.optimizers.schedules.LearningRateSchedule):
    """A tiny learning rate that becomes absurd after some steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def __call__(self, step: Any) -> Any:
        return keras.ops.where(keras.ops.cast(step, "int32") > self.steps, 1e30, 1e-4)

    def get_config(self) -> dict[str, int]:
        return {"steps": self.steps}


class PressCtrlC(keras.callbacks.Callback):
    """Sends this process what the terminal sends it on Ctrl-C, in the second step."""

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if batch == 1:
            os.kill(os.getpid(), signal.SIGINT)
