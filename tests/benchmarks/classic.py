"""The classic cats-vs-dogs script as the tutorials have it, for comparison.

``python tests/benchmarks/classic.py FOLDER [--epochs 15] [--seed 0]``, with class folders in ``FOLDER/training``,
``FOLDER/validation`` and ``FOLDER/testing``. Prints one JSON object: seconds in all and of each epoch, validation
accuracy of each epoch, test accuracy.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def main() -> None:
    """Train as the classic does and print what came of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    start = time.perf_counter()

    import keras
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    keras.utils.set_random_seed(arguments.seed)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((150, 150, 3)),
            layers.Conv2D(16, (3, 3), activation="relu"),
            layers.MaxPooling2D(2, 2),
            layers.Conv2D(32, (3, 3), activation="relu"),
            layers.MaxPooling2D(2, 2),
            layers.Conv2D(64, (3, 3), activation="relu"),
            layers.MaxPooling2D(2, 2),
            layers.Flatten(),
            layers.Dense(512, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.RMSprop(learning_rate=0.001), loss="binary_crossentropy", metrics=["accuracy"]
    )

    def flow(split: str) -> keras.utils.PyDataset:
        generator = ImageDataGenerator(rescale=1.0 / 255)
        return generator.flow_from_directory(
            arguments.folder / split, target_size=(150, 150), batch_size=100, class_mode="binary", seed=arguments.seed
        )

    seconds: list[float] = []
    last = time.perf_counter()

    def note_time(epoch: int, logs: dict[str, float]) -> None:
        nonlocal last
        seconds.append(round(time.perf_counter() - last, 2))
        last = time.perf_counter()

    history = model.fit(
        flow("training"),
        epochs=arguments.epochs,
        validation_data=flow("validation"),
        verbose=0,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=note_time)],
    ).history
    _, test_accuracy = model.evaluate(flow("testing"), verbose=0)
    result = {
        "seconds": round(time.perf_counter() - start, 1),
        "epoch_seconds": seconds,
        "val_accuracy": [round(float(value), 4) for value in history["val_accuracy"]],
        "test_accuracy": round(float(test_accuracy), 4),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
