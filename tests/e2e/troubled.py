"""A plugin whose networks train well or in trouble, as the option ``trouble`` says; not imported by the tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import cnnforge
from cnnforge import Field, Tune

KINDS = ("none", "raises", "exits", "out of memory", "diverges", "hangs", "killed", "garbage")


class TroubledOptions(cnnforge.Options):
    trouble: Annotated[
        Literal["none", "raises", "exits", "out of memory", "diverges", "hangs", "killed", "garbage"],
        Field(description="what happens"), Tune.choice(*KINDS),
    ] = "none"  # fmt: skip


@cnnforge.hookimpl
def cnnforge_architectures() -> Iterator[cnnforge.ArchitectureSpec]:
    yield cnnforge.ArchitectureSpec(
        name="troubled", summary="troubled", build="troubled:build", options=TroubledOptions, input_shape=(24, 24, 3)
    )


def build(options: TroubledOptions, *, input_shape: tuple[int, int, int], num_classes: int) -> Any:
    import keras

    inputs = keras.Input(input_shape)
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Conv2D(4, 3, activation="relu")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, cnnforge.head(x, num_classes))


@cnnforge.hookimpl
def cnnforge_callbacks(run: Any) -> Iterator[Any]:
    import keras

    class Trouble(keras.callbacks.Callback):  # type: ignore[misc]
        def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            if epoch == 1:
                _make_trouble(getattr(run.resolved.architecture_options, "trouble", "none"), self.model, run.directory)

    yield Trouble()


def _make_trouble(kind: str, model: Any, directory: Any) -> None:
    import os
    import signal
    import sys
    import threading

    import numpy as np

    if kind == "raises":
        raise KeyError("no such layer")
    if kind == "exits":
        sys.exit(3)
    if kind == "out of memory":
        np.empty(2**60, np.uint8)
    if kind == "diverges":
        for variable in model.trainable_variables:
            variable.assign(variable * np.nan)
    if kind == "hangs":
        threading.Event().wait()
    if kind == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "garbage":
        directory.run.write_bytes(b"\x00garbage")
