"""How hard the drawn sample is: a linear model on pixels should fail where the classic CNN succeeds.

    python tests/benchmarks/drawn_sample.py [SEED ...]

Expected for every seed: linear below 0.80, classic CNN above 0.93. Needs scikit-learn.
Takes about two minutes a seed on two cores.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings

import numpy as np
from PIL import Image

from cnnforge_catsdogs import CatsDogsCnnOptions, drawing

NUM_TRAIN = 1600
EPOCHS = 15
BATCH_SIZE = 100
CNN_SIDE = 150


def main() -> None:
    """Print both figures for each seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("seeds", nargs="*", type=int, default=[0, 1, 2])
    for seed in parser.parse_args().seeds:
        start = time.perf_counter()
        pictures = [drawing.draw(index, seed) for index in range(drawing.NUM_IMAGES)]
        milliseconds = (time.perf_counter() - start) / len(pictures) * 1000
        labels = np.array([drawing.label(index) for index in range(len(pictures))])
        print(f"seed {seed}: {milliseconds:.1f} ms a picture", flush=True)
        for side in (32, 50, 100):
            print(f"  linear on {side}×{side}: {linear_accuracy(resized(pictures, side), labels):.3f}", flush=True)
        by_epoch = cnn_accuracy(resized(pictures, CNN_SIDE), labels, seed)
        print(
            f"  classic CNN: {by_epoch[-1]:.3f}; by epoch {' '.join(f'{value:.2f}' for value in by_epoch)}", flush=True
        )


def resized(pictures: list[np.ndarray], side: int) -> np.ndarray:
    """Return the pictures at another size, shape (count, side, side, 3)."""
    images = (Image.fromarray(picture).resize((side, side), Image.Resampling.BILINEAR) for picture in pictures)
    return np.stack([np.asarray(image) for image in images])


def linear_accuracy(pixels: np.ndarray, labels: np.ndarray) -> float:
    """Return the test accuracy of logistic regression, the best of some strengths of regularisation."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    flat = pixels.reshape(len(pixels), -1) / np.float32(255)
    accuracies = []
    for strength in (1.0, 1e-3, 1e-5):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=200))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it has not converged, which is no matter here
            model.fit(flat[:NUM_TRAIN], labels[:NUM_TRAIN])
        accuracies.append(model.score(flat[NUM_TRAIN:], labels[NUM_TRAIN:]))
    return float(max(accuracies))


def cnn_accuracy(pixels: np.ndarray, labels: np.ndarray, seed: int) -> list[float]:
    """Return the test accuracy of the classic CNN after each epoch of the classic training."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    from cnnforge_catsdogs.model import build

    keras.utils.set_random_seed(seed)
    model = build(CatsDogsCnnOptions(), input_shape=pixels.shape[1:], num_classes=2)
    model.compile(keras.optimizers.RMSprop(0.001), "binary_crossentropy", metrics=["accuracy"])
    test = (pixels[NUM_TRAIN:], labels[NUM_TRAIN:])
    history = model.fit(
        pixels[:NUM_TRAIN], labels[:NUM_TRAIN], BATCH_SIZE, EPOCHS, verbose=0, validation_data=test
    ).history
    accuracies: list[float] = history["val_accuracy"]
    return accuracies


if __name__ == "__main__":
    main()
