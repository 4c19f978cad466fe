"""A plugin whose networks train well or in trouble, as the option ``trouble`` says; not imported by the tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import cnnforge
from cnnforge import Field, Tune

KINDS = ("none", "raises", "exits", "leaves", "out of memory", "diverges", "killed", "garbage", "hangs")


class TroubledOptions(cnnforge.Options):
    trouble: Annotated[
        Literal["none", "raises", "exits", "leaves", "out of memory", "diverges", "killed", "garbage", "hangs"],
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
    if kind == "leaves":
        os._exit(3)
    if kind == "out of memory":
        _ask_for_more_memory_than_there_is()
    if kind == "diverges":
        for variable in model.trainable_variables:
            variable.assign(variable * np.nan)
    if kind == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "garbage":
        directory.run_json.write_bytes(b"\x00garbage")
    if kind == "hangs":
        threading.Event().wait()


def _ask_for_more_memory_than_there_is() -> None:
    """Have an address space of 128 MB more than is in use, and ask for twice that; elsewhere than on Linux for 2**60 B.

    At once, not little by little until nothing is left, which would end other threads of this process first.
    """
    import sys

    import numpy as np

    if sys.platform != "linux":
        np.empty(2**60, np.uint8)
    import resource

    size = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + 2**27, resource.RLIM_INFINITY))
    np.empty(2**28, np.uint8)
