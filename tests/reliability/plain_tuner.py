"""The test of figure 6 for plain Keras Tuner: its ``RandomSearch``, killed and started again until it is over."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from tests.faults.processes import FAILED, ended, forked


def measure(seed: int, kills: int, num_trials: int) -> dict[str, int]:
    """Kill searches and start them again; a search that cannot go on is given up, and another begun.

    Returns:
        How many ``searches`` there were, how many of them ``cannot go on``, how many of their finished trials were
        ``lost`` with them, and how many trials were trained ``twice``, wholly or in part.
    """
    import keras  # noqa: F401 - once, for all the processes forked from here; not used here
    import tensorflow  # noqa: F401

    from cnnforge_tuning.oracle import import_keras_tuner

    import_keras_tuner()
    generator = random.Random(f"{seed} Keras Tuner")
    found: Counter[str] = Counter(searches=1)
    with tempfile.TemporaryDirectory(prefix="cnnforge-tuner-") as name:
        folder = Path(name) / "1"
        for _ in range(kills):
            code = _run(folder, num_trials, generator.uniform(0.2, 5.0))
            if code in {0, FAILED}:
                _count(folder, found, is_stuck=code == FAILED)
                found["searches"] += 1
                folder = Path(name) / str(found["searches"])
        code = _run(folder, num_trials)
        _count(folder, found, is_stuck=code == FAILED)
    return {kind: found[kind] for kind in ("searches", "cannot go on", "lost", "twice")}


def _count(folder: Path, found: Counter[str], *, is_stuck: bool) -> None:
    lines = [line.split() for line in (folder / "log").read_text(encoding="utf-8").splitlines()]
    begun = Counter(trial for what, trial in lines if what == "begun")
    found["twice"] += sum(number - 1 for number in begun.values())
    found["cannot go on"] += is_stuck
    found["lost"] += len({trial for what, trial in lines if what == "ended"}) if is_stuck else 0


def _run(folder: Path, num_trials: int, seconds: float = 1000) -> int:
    """Search in a forked process, killed after some time; return how it ended."""
    folder.mkdir(exist_ok=True)
    return ended(forked(lambda: _search(folder, num_trials), folder / "output"), seconds)


def _search(folder: Path, num_trials: int) -> None:
    import keras_tuner

    def note(what: str, trial: Any) -> None:
        with (folder / "log").open("a", encoding="utf-8") as log:
            log.write(f"{what} {trial.trial_id}\n")

    class Watched(keras_tuner.RandomSearch):
        def run_trial(self, trial: Any, *arguments: Any, **more: Any) -> Any:
            note("begun", trial)
            found = super().run_trial(trial, *arguments, **more)
            note("ended", trial)
            return found

    generator = np.random.default_rng(0)
    images, labels = generator.random((80, 24, 24, 3), np.float32), generator.integers(0, 2, (80, 1))
    tuner = Watched(_network, "val_accuracy", max_trials=num_trials, seed=1, directory=folder, project_name="search")
    tuner.search(images[:60], labels[:60], validation_data=(images[60:], labels[60:]), epochs=3, verbose=0)


def _network(hp: Any) -> Any:
    import keras

    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((24, 24, 3)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(hp.Choice("dense_units", [64, 128, 256, 512]), activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    rate = hp.Float("learning_rate", 1e-4, 1e-2, sampling="log")
    model.compile(keras.optimizers.RMSprop(rate), "binary_crossentropy", metrics=["accuracy"])
    return model
