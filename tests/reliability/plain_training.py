"""The test of figure 1 for plain Keras: ``fit`` with ``BackupAndRestore``, killed, started again, compared."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.faults.processes import ended, forked

EQUAL = "equal to the last bit"
OTHER = "other weights"
STUCK = "cannot go on"
EPOCHS = 6


def measure(kills: int, seed: int, *, by_chance: bool = True) -> Counter[str]:
    """Kill trainings one to three times each, start them again to the end, and count how their weights compare.

    Args:
        kills: How many trainings.
        seed: Of the moments.
        by_chance: Whether training shuffles, drops out and augments, as the runs of CNNForge do.
    """
    import keras
    import tensorflow  # noqa: F401 - once, for all the processes forked from here; not used here

    from tests.e2e.test_run import make_photographs

    assert keras.backend.backend() == "tensorflow"
    generator = random.Random(f"{seed} plain")
    outcomes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="cnnforge-plain-") as name:
        folder = Path(name)
        data = make_photographs(folder / "data", ["apple", "pear"], 40)
        start = time.monotonic()
        references = [_finished(folder / f"reference-{n}", data, by_chance=by_chance) for n in (1, 2)]
        assert references[0] == references[1] is not None, "plain Keras does not repeat itself here"
        seconds = (time.monotonic() - start) / 2
        moments = (folder / "reference-1" / "moments").read_text().splitlines()
        for number in range(kills):
            outcome = _outcome(folder / f"run-{number}", data, generator, moments, seconds, by_chance=by_chance)
            outcomes[OTHER if outcome not in {references[0], STUCK} else EQUAL if outcome != STUCK else STUCK] += 1
            shutil.rmtree(folder / f"run-{number}", ignore_errors=True)
    return outcomes


def _outcome(
    folder: Path, data: Path, generator: random.Random, moments: list[str], seconds: float, *, by_chance: bool
) -> str:
    """Return the hash of the weights of a training that was killed and started again."""
    for _ in range(generator.choice([1, 1, 2, 3])):
        if generator.random() < 0.4:
            code = _run(folder, data, by_chance=by_chance, seconds=generator.uniform(0, seconds))
        else:
            kind = generator.choice(["train", "test"])
            number = generator.choice([n for n, moment in enumerate(moments) if moment == kind])
            code = _run(folder, data, by_chance=by_chance, at=number)
        if code != -signal.SIGKILL:
            break
    return _finished(folder, data, by_chance=by_chance) or STUCK


def _finished(folder: Path, data: Path, *, by_chance: bool) -> str | None:
    """Train to the end and return the hash of the weights; None if that fails."""
    result = folder / "result"
    if not result.exists() and _run(folder, data, by_chance=by_chance):
        return None
    return result.read_text()


def _run(folder: Path, data: Path, *, by_chance: bool, at: int = -1, seconds: float | None = None) -> int:
    """Train in a forked process, killed at a moment or after some time; return how it ended."""
    folder.mkdir(exist_ok=True)
    return ended(forked(lambda: _train(folder, data, at, by_chance=by_chance), folder / "log"), seconds)


def _train(folder: Path, data: Path, at: int, *, by_chance: bool) -> None:
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    tf.config.experimental.enable_op_determinism()
    train, validation = keras.utils.image_dataset_from_directory(
        data, image_size=(16, 16), batch_size=8, validation_split=0.25, subset="both", seed=0, verbose=False
    )
    if not by_chance:
        train = train.cache()  # after the first epoch the order of the first
    model = _network(by_chance=by_chance)
    callbacks = keras.callbacks
    moments: list[str] = []

    def pass_by(kind: str) -> None:
        if len(moments) == at:
            os.kill(os.getpid(), signal.SIGKILL)
        moments.append(kind)

    killer = callbacks.LambdaCallback(on_train_batch_begin=lambda batch, logs: pass_by("train"))
    killer.on_train_batch_end = lambda batch, logs=None: pass_by("train")
    killer.on_test_batch_end = lambda batch, logs=None: pass_by("test")
    model.fit(
        train,
        validation_data=validation,
        epochs=EPOCHS,
        verbose=0,
        callbacks=[
            callbacks.EarlyStopping("val_loss", patience=3, restore_best_weights=True),
            callbacks.ReduceLROnPlateau("val_loss", patience=0, factor=0.5),
            callbacks.BackupAndRestore(str(folder / "backup")),
            callbacks.ModelCheckpoint(str(folder / "best.weights.h5"), save_best_only=True, save_weights_only=True),
            killer,
        ],
    )
    (folder / "moments").write_text("\n".join(moments))
    (folder / "result").write_text(_digest(model))


def _network(*, by_chance: bool) -> Any:
    import keras

    layers = keras.layers
    chance = [layers.RandomFlip("horizontal"), layers.RandomRotation(0.05)] if by_chance else []
    model = keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            *chance,
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            *([layers.Dropout(0.3)] if by_chance else []),
            layers.Dense(8, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.02), loss="binary_crossentropy", metrics=["accuracy"])
    return model


def _digest(model: Any) -> str:
    digest = hashlib.sha256()
    for variable in [*model.weights, *model.optimizer.variables]:
        digest.update(variable.numpy().tobytes())
    return digest.hexdigest()
