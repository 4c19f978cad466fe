"""The pipeline that Keras's guides recommend, on the classic network, for comparison.

``python tests/benchmarks/keras_guide.py FOLDER [--epochs 15] [--seed 0] [--precision float32|bfloat16]``: the folder is
that of ``classic.py``; ``image_dataset_from_directory`` with ``cache`` and ``prefetch``. Prints one JSON object.
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
    """Train as the guides do and print what came of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    arguments = parser.parse_args()
    start = time.perf_counter()

    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(arguments.seed)
    if arguments.precision == "bfloat16":
        keras.config.set_dtype_policy("mixed_bfloat16")

    def dataset(split: str, *, shuffle: bool) -> tf.data.Dataset:
        files = keras.utils.image_dataset_from_directory(
            arguments.folder / split,
            label_mode="binary",
            batch_size=None,
            image_size=(150, 150),
            shuffle=False,
            verbose=False,
        )
        cached = files.cache()
        shuffled = cached.shuffle(20_000, seed=arguments.seed) if shuffle else cached
        return shuffled.batch(100).prefetch(tf.data.AUTOTUNE)

    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((150, 150, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(512, activation="relu"),
            layers.Dense(1, activation="sigmoid", dtype="float32"),
        ]
    )
    model.compile(optimizer=keras.optimizers.RMSprop(0.001), loss="binary_crossentropy", metrics=["accuracy"])
    seconds: list[float] = []
    last = time.perf_counter()

    def note_time(epoch: int, logs: dict[str, float]) -> None:
        nonlocal last
        seconds.append(round(time.perf_counter() - last, 2))
        last = time.perf_counter()

    history = model.fit(
        dataset("training", shuffle=True),
        epochs=arguments.epochs,
        validation_data=dataset("validation", shuffle=False),
        verbose=0,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=note_time)],
    ).history
    _, test_accuracy = model.evaluate(dataset("testing", shuffle=False), verbose=0)
    result = {
        "seconds": round(time.perf_counter() - start, 1),
        "epoch_seconds": seconds,
        "val_accuracy": [round(float(value), 4) for value in history["val_accuracy"]],
        "test_accuracy": round(float(test_accuracy), 4),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
