"""Keras Tuner as its tutorials use it on the classic script, for comparison.

``python tests/benchmarks/plain_keras_tuner.py FOLDER [--trials 12] [--epochs 3]``, with class folders in
``FOLDER/training`` and ``FOLDER/validation``. The space is that of ``cnnforge tune catsdogs``. Prints one JSON object:
seconds in all, seconds of processor time, and the best validation accuracy of each trial.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def network(hp: Any) -> Any:
    """Return the classic network with the filters and the learning rate of a trial, compiled."""
    import keras

    layers = keras.layers
    model = keras.Sequential([keras.Input((150, 150, 3))])
    for block in range(3):
        model.add(layers.Conv2D(hp.Int(f"filters_{block}", 8, 128, step=8), (3, 3), activation="relu"))
        model.add(layers.MaxPooling2D(2, 2))
    model.add(layers.Flatten())
    model.add(layers.Dense(512, activation="relu"))
    model.add(layers.Dense(1, activation="sigmoid"))
    rate = hp.Float("learning_rate", 1e-4, 1e-2, sampling="log")
    model.compile(
        optimizer=keras.optimizers.RMSprop(learning_rate=rate), loss="binary_crossentropy", metrics=["accuracy"]
    )
    return model


def main() -> None:
    """Search as the tutorials do and print what came of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    start = time.perf_counter()
    warnings.simplefilter("ignore")

    import keras_tuner
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    def flow(split: str) -> Any:
        return ImageDataGenerator(rescale=1.0 / 255).flow_from_directory(
            arguments.folder / split, target_size=(150, 150), batch_size=100, class_mode="binary", seed=arguments.seed
        )

    with tempfile.TemporaryDirectory() as work:
        tuner = keras_tuner.BayesianOptimization(
            network, "val_accuracy", max_trials=arguments.trials, seed=arguments.seed, directory=work
        )
        tuner.search(flow("training"), epochs=arguments.epochs, validation_data=flow("validation"), verbose=0)
        scores = [trial.score for trial in tuner.oracle.trials.values()]
    used = os.times()
    result = {
        "seconds": round(time.perf_counter() - start, 1),
        "processor_seconds": round(used.user + used.system, 1),
        "val_accuracy": [None if score is None else round(float(score), 4) for score in scores],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
