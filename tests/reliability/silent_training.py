"""The cases of figure 4 that are about training: what counts as best, what a damaged file does, what data changed."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

_VALIDATION_LOSSES = (math.nan, 0.4, 0.5)
_BEST = 2  # the epoch of the lowest that is a number
_CHANGED = 40  # of the bytes in the middle of a file of weights, one bit each


def _network() -> Any:
    import keras

    return keras.Sequential([keras.Input((8,)), keras.layers.Dense(40, name="dense")])


def _fill(model: Any, value: float) -> None:
    model.set_weights([np.full(weight.shape, value, np.float32) for weight in model.get_weights()])


def _value(model: Any) -> float:
    values = {float(value) for weight in model.get_weights() for value in np.unique(weight)}
    return values.pop() if len(values) == 1 else math.nan


def _train(callback: Any, model: Any) -> None:
    """Tell a callback of three epochs, the first of which diverged and recovered."""
    callback.set_model(model)
    for epoch, loss in enumerate(_VALIDATION_LOSSES):
        _fill(model, epoch + 1)
        callback.on_epoch_end(epoch, {"loss": 0.5, "val_loss": loss})


def our_best_is_a_number(folder: Path) -> bool:
    from cnnforge.network.weights import load_weights
    from cnnforge.running.run_dir import RunDir
    from cnnforge.training.callbacks import BestWeights

    callback, model = BestWeights(RunDir(folder).checkpoints, [("val_loss", False)]), _network()
    _train(callback, model)
    load_weights(model, folder / "checkpoints" / callback.weights["file"], callback.weights["sha256"])
    return _value(model) == _BEST


def their_best_is_a_number(folder: Path) -> bool:
    import keras

    path, model = folder / "best.weights.h5", _network()
    callback = keras.callbacks.ModelCheckpoint(str(path), save_best_only=True, save_weights_only=True)
    _train(callback, model)
    model.load_weights(path)
    return _value(model) == _BEST


def _flip(path: Path) -> None:
    """Flip a bit in each of a few bytes of the numbers in a file."""
    content = bytearray(path.read_bytes())
    pattern = np.float32(1.5).tobytes() * 4
    start = bytes(content).index(pattern)
    for offset in range(_CHANGED):
        content[start + 4 * offset + 2] ^= 1 << 6
    path.write_bytes(content)


def our_damage_is_noticed(folder: Path) -> bool:
    from cnnforge.network.weights import load_weights, save_weights

    model = _network()
    _fill(model, 1.5)
    digest = save_weights(model, folder / "best.npz")
    _flip(folder / "best.npz")
    load_weights(model, folder / "best.npz", digest)
    return _value(model) == 1.5


def their_damage_is_noticed(folder: Path) -> bool:
    model = _network()
    _fill(model, 1.5)
    model.save_weights(folder / "best.weights.h5")
    _flip(folder / "best.weights.h5")
    model.load_weights(folder / "best.weights.h5")
    return _value(model) == 1.5


def _exchange_labels(folder: Path) -> None:
    (folder / "cat").rename(folder / "x")
    (folder / "dog").rename(folder / "cat")
    (folder / "x").rename(folder / "dog")


def our_change_of_data_is_noticed(folder: Path) -> bool:
    from cnnforge.data.manifest import check_unchanged
    from cnnforge.running.run_dir import RunDir
    from tests.reliability.silent import draw, manifest

    directory, data = RunDir(folder / "run"), draw(folder / "data", "cat", "dog")
    before = manifest(data)
    before.write(directory.manifest)
    _exchange_labels(data)
    check_unchanged(
        before.fingerprint(), directory.manifest, manifest(data)
    )  # what a resumed run does before it trains
    return False


class _PoweredOffError(Exception):
    pass


def their_change_of_data_is_noticed(folder: Path) -> bool:
    from tests.reliability.silent import draw

    data = draw(folder / "data", "cat", "dog")
    try:
        _fit(folder, data, ends_in_epoch=2)
    except _PoweredOffError:
        _exchange_labels(data)
    _fit(folder, data)
    return False


def _fit(folder: Path, data: Path, ends_in_epoch: int = -1) -> None:
    import keras

    from tests.reliability.silent import keras_dataset

    class PowerOff(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == ends_in_epoch:
                raise _PoweredOffError

    model = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(1, activation="sigmoid")]
    )
    model.compile("sgd", "binary_crossentropy")
    callbacks = [keras.callbacks.BackupAndRestore(str(folder / "backup")), PowerOff()]
    model.fit(keras_dataset(data, image_size=(8, 8)), epochs=3, verbose=0, callbacks=callbacks)


CASES: tuple[tuple[str, Callable[[Path], bool], Callable[[Path], bool]], ...] = (
    ("TRN02 validation loss that is no number, as best", our_best_is_a_number, their_best_is_a_number),
    ("MOD03 flipped bits in weights", our_damage_is_noticed, their_damage_is_noticed),
    ("DIR15 data exchanged before a resume", our_change_of_data_is_noticed, their_change_of_data_is_noticed),
)
