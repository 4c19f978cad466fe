"""Squares to train on, and noise for them."""

import numpy as np

import cnnforge


def open_squares(options):
    generator = np.random.default_rng(0)
    labels = [number % 2 for number in range(2 * options.number)]
    pixels = [generator.integers(90 * label, 90 * label + 120, (24, 24, 3), np.uint8) for label in labels]
    return cnnforge.LabelledImages(
        class_names=("dark", "bright"),
        labels=labels,
        names=[f"square {number}" for number in range(len(labels))],
        read=lambda index: pixels[index],
        location="squares that acme draws",
    )


def add_noise(images, generator, options):
    noise = generator.integers(-options.amount, options.amount + 1, images.shape, np.int16)
    return np.clip(images + noise, 0, 255).astype(np.uint8)
