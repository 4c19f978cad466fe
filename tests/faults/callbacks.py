"""A Keras callback that brings a fault about inside a run, at a chosen batch, for recipes of the fault tests."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

VARIABLE = "CNNFORGE_TEST_FAULT"
"""``KIND EPOCH BATCH FOLDER``; without it the callback does nothing, so that a resumed run has the same callbacks."""


NOBODY = 65534


class Fault(keras.callbacks.Callback):
    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        kind, epoch, at, folder = os.environ.get(VARIABLE, "none -1 -1 .").split(" ", 3)
        if (self.epoch, batch) == (int(epoch), int(at)):
            getattr(self, kind)(Path(folder))

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.epoch = epoch

    def ctrl_c(self, folder: Path) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    def ctrl_c_twice(self, folder: Path) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    def sigterm(self, folder: Path) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    def sighup(self, folder: Path) -> None:
        os.kill(os.getpid(), signal.SIGHUP)

    def stopped(self, folder: Path) -> None:
        os.kill(os.getpid(), signal.SIGSTOP)

    def clock_back(self, folder: Path) -> None:
        real = time.time
        time.time = lambda: real() - 3600

    def clock_forward(self, folder: Path) -> None:
        real = time.time
        time.time = lambda: real() + 365 * 24 * 3600

    def gpu_lost(self, folder: Path) -> None:
        """Fail as TensorFlow does when a GPU falls off the bus; there is none to take away."""
        raise tf.errors.InternalError(
            None, None, "Failed to launch CUDA kernel: Relu_GPU: CUDA_ERROR_DEVICE_UNAVAILABLE: device is busy or gone"
        )

    def full_disk(self, folder: Path) -> None:
        """No file may grow beyond what JSON needs, which is how a full disk looks to who writes arrays."""
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (15_000, resource.RLIM_INFINITY))

    def read_only(self, folder: Path) -> None:
        (folder / "checkpoints").chmod(0o500)
        if os.geteuid() == 0:  # whom permissions do not bind
            os.seteuid(NOBODY)

    def deleted(self, folder: Path) -> None:
        shutil.rmtree(folder)
