"""An architecture under test: building it, images for it, and what it makes of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from cnnforge.errors import CnnforgeError
from cnnforge.host import ArchitectureSpec, Entry, Options
from cnnforge.network import build_network
from cnnforge.testing.failure import fail
from cnnforge.testing.images import COLORS, colored

UNDER_TEST = "under test"


@dataclass(frozen=True, slots=True)
class Network:
    """An architecture with the options and the image size that it is tested with."""

    spec: ArchitectureSpec
    options: Options
    input_shape: tuple[int, int, int]

    def changed(self, **options: Any) -> Network:
        """Return the same with other options, unchecked."""
        return replace(self, options=self.options.model_copy(update=options))

    def try_to_build(self, num_classes: int = 3, *, policy: str = "float32", seed: int = 0) -> keras.Model:
        """Return the model as a run would build it.

        Raises:
            CnnforgeError: What a user of the plugin would see.
        """
        keras.utils.set_random_seed(seed)
        return build_network(Entry(self.spec, UNDER_TEST), self.options, self.input_shape, num_classes, policy=policy)

    def build(self, num_classes: int = 3, *, policy: str = "float32", seed: int = 0) -> keras.Model:
        """Return the model as a run would build it; the test fails if it cannot be."""
        try:
            return self.try_to_build(num_classes, policy=policy, seed=seed)
        except CnnforgeError as error:
            size = "×".join(map(str, self.input_shape))
            fail(
                f"{error}\nwith {self.options!r}, {size} and {num_classes} classes",
                error.hint or "mend what build does",
                error,
            )


def image_shape(model: keras.Model) -> tuple[int, int, int]:
    """Return height, width and channels of the images that a built model takes."""
    shape = getattr(model, "input_shape", None) or model.get_build_config()["input_shape"]  # of a subclass: as called
    height, width, channels = shape[1:]
    return height, width, channels


def noise(model: keras.Model, num_images: int = 4, size: tuple[int, int] | None = None) -> np.ndarray:
    """Return images to try a model on: a black, a white one and noise, shape (images, height, width, channels)."""
    height, width, channels = image_shape(model)
    images = np.random.default_rng(0).integers(0, 256, (num_images, *(size or (height, width)), channels), np.uint8)
    images[0], images[1] = 0, 255
    return images


def lesson(model: keras.Model, num_images: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Return images in three colours, or grey values, and their targets for three classes."""
    height, width, channels = image_shape(model)
    generator = np.random.default_rng(0)
    labels = np.arange(num_images) % len(COLORS)
    images = np.stack([colored(tuple(COLORS)[label], height, width, generator) for label in labels])
    if channels == 1:
        images = (images // 8 + 80 * labels[:, None, None, None].astype(np.uint8))[..., :1]
    return images, np.eye(len(COLORS), dtype=np.float32)[labels]


def outputs_of(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Return what the model gives for images, as it does when it is used."""
    outputs: np.ndarray = keras.ops.convert_to_numpy(model(images, training=False))
    return outputs
