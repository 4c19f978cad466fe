"""What Keras and Keras Tuner write, for the same faults: through Python's files by the same shim, else by the clock."""

from __future__ import annotations

import json
import os
import random
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.reliability.artefacts import TORN, Artefact, one_version, read_model

NUM_KILLS = 100
_UNITS = 400  # a network of 162,000 numbers: 0.65 MB


def write_saved(folder: Path, version: int) -> None:
    """``model.save`` onto the file that is there, as ``ModelCheckpoint`` does."""
    import keras

    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(40, name="dense")])
    model.set_weights([np.full(weight.shape, version, np.float32) for weight in model.get_weights()])
    model.save(folder / "model.keras")


def write_csv_log(folder: Path, version: int) -> None:
    """``CSVLogger``, which appends a line an epoch."""
    import keras

    log = keras.callbacks.CSVLogger(str(folder / "log.csv"), append=True)
    log.on_train_begin()
    log.on_epoch_end(version - 1, {f"metric_{number}": float(version) for number in range(30)})
    log.on_train_end()


def read_csv_log(folder: Path) -> int:
    header, *lines = (folder / "log.csv").read_text(encoding="utf-8").splitlines()
    rows = [line.split(",") for line in lines]
    is_whole = all(row == [str(n), *[str(n + 1.0)] * 30, *["NA"] * 30] for n, row in enumerate(rows))  # no validation
    return len(rows) if is_whole and len(header.split(",")) == 61 else TORN


def tuner(folder: Path) -> Any:
    """A Keras Tuner oracle as its ``RandomSearch`` uses it, reloaded where there is one."""
    import keras_tuner

    space = keras_tuner.HyperParameters()
    space.Float("x", 0.0, 1.0)
    oracle = keras_tuner.oracles.RandomSearchOracle(
        objective=keras_tuner.Objective("val_loss", "min"), max_trials=9, hyperparameters=space, seed=1
    )
    oracle.verbose = 0
    oracle._set_project_dir(str(folder), "search")
    if (folder / "search" / "oracle.json").exists():
        oracle.reload()
    return oracle


def write_tuner(folder: Path, version: int) -> None:
    """A trial of Keras Tuner: asked for, told and ended."""
    oracle = tuner(folder)
    trial = oracle.create_trial("tuner0")
    oracle.update_trial(trial.trial_id, {"val_loss": version / 10})
    trial.status = "COMPLETED"
    oracle.end_trial(trial)
    oracle.save()


def read_tuner(folder: Path) -> int:
    """Return how many trials are over, if the search can be reloaded."""
    oracle = tuner(folder)
    scores = sorted(trial.score for trial in oracle.trials.values() if trial.status == "COMPLETED")
    return len(scores) if scores == [number / 10 for number in range(1, len(scores) + 1)] else TORN


PLAIN = (
    Artefact("model.save", write_saved, read_model),
    Artefact("CSVLogger", write_csv_log, read_csv_log),
    Artefact("Keras Tuner", write_tuner, read_tuner),
)


def killed_by_the_clock(what: str, seed: int, kills: int = NUM_KILLS) -> Any:
    """Kill a process that saves without a pause, as :mod:`tests.faults.saves` does CNNForge's checkpoints.

    HDF5 writes its files itself, so only the clock can hit the middle of one.
    """
    from tests.reliability.writes import Tally

    save, read = {
        "BackupAndRestore": (save_backups, read_backup),
        "ModelCheckpoint": (save_checkpoints, read_best),
    }[what]
    tally = Tally(what)
    generator = random.Random(f"{seed} {what}")
    with tempfile.TemporaryDirectory(prefix="cnnforge-plain-") as name:
        for number in range(kills):
            folder = Path(name) / str(number)
            folder.mkdir()
            _kill(save, folder, generator.uniform(0.0, 0.1))
            tally.faults += 1
            try:
                is_whole = read(folder)
            except Exception as error:
                tally.torn.append(f"{type(error).__name__}: {str(error)[:100]}")
                continue
            tally.survived += is_whole
            if not is_whole:
                tally.torn.append("files of two moments")
    return tally


def _kill(save: Callable[[Path, Callable[[], None]], None], folder: Path, seconds: float) -> None:
    read, write = os.pipe()
    process = os.fork()
    if not process:
        try:
            save(folder, lambda: os.write(write, b"x"))
        finally:
            os._exit(99)
    os.close(write)
    with os.fdopen(read, "rb", buffering=0) as pipe:
        assert pipe.read(1), "it ended before it saved"  # the first save is whole
        time.sleep(seconds)  # the random moment itself
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


def _network() -> Any:
    import keras

    model = keras.Sequential([keras.Input((_UNITS,)), keras.layers.Dense(_UNITS, name="dense")])
    model.compile(loss="mse", optimizer="sgd")
    return model


def _fill(model: Any, version: int) -> None:
    model.set_weights([np.full(weight.shape, version, np.float32) for weight in model.get_weights()])


def save_backups(folder: Path, announce: Callable[[], None]) -> None:
    import keras

    callback = keras.callbacks.BackupAndRestore(str(folder))
    callback.set_model(model := _network())
    callback.on_train_begin()
    for version in range(1_000_000):
        _fill(model, version)
        callback._current_epoch = version
        callback._save_model()
        announce()


def read_backup(folder: Path) -> bool:
    """Return whether there is a backup whose weights are those of the epoch that it names."""
    metadata = json.loads((folder / "training_metadata.json").read_text(encoding="utf-8"))
    return _version(folder / "latest.weights.h5") == metadata["epoch"]


def save_checkpoints(folder: Path, announce: Callable[[], None]) -> None:
    import keras

    callback = keras.callbacks.ModelCheckpoint(str(folder / "best.weights.h5"), save_weights_only=True)
    callback.set_model(model := _network())
    for version in range(1_000_000):
        _fill(model, version)
        callback.on_epoch_end(version, {})
        announce()


def read_best(folder: Path) -> bool:
    return _version(folder / "best.weights.h5") != TORN


def _version(path: Path) -> int:
    import h5py

    found: dict[str, np.ndarray] = {}
    with h5py.File(path) as weights:
        weights.visititems(
            lambda name, item: found.update({name: item[:]}) if name.startswith("layers/dense/vars/") else None
        )
    return one_version(found)
