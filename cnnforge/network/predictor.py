"""Probabilities from a trained network, the same wherever they are asked for."""

from __future__ import annotations

import keras
import numpy as np

BATCH_SIZE = 32
_MULTIPLE = 8


class Predictor:
    """Returns the probabilities of images, the same to the bit however the images are grouped.

    A backend computes a batch of one image with other kernels than a batch of many, and the last bits differ
    (TensorFlow with oneDNN does). So batches are filled up to a multiple of eight, for training's evaluation,
    ``evaluate``, ``predict`` and ``serve`` alike. Not safe for several threads at once.

    Args:
        model: Takes uint8 images, 0 to 255; gives probabilities, one column for two classes.
    """

    def __init__(self, model: keras.Model) -> None:
        self._model = model

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return the probability of every class.

        Args:
            images: Shape (images, height, width, channels), uint8.

        Returns:
            Shape (images, classes), float32; rows sum to 1.
        """
        batches = [images[start : start + BATCH_SIZE] for start in range(0, len(images), BATCH_SIZE)]
        return class_probabilities(np.concatenate([self._outputs(batch) for batch in batches]))

    def _outputs(self, batch: np.ndarray) -> np.ndarray:
        missing = -len(batch) % _MULTIPLE
        filled = np.concatenate([batch, np.zeros((missing, *batch.shape[1:]), batch.dtype)]) if missing else batch
        outputs: np.ndarray = self._model.predict_on_batch(filled)[: len(batch)]
        return outputs.astype(np.float32)  # whatever the last layer computes in


def class_probabilities(outputs: np.ndarray) -> np.ndarray:
    """Return the probabilities of all classes from a model's output: one sigmoid column becomes two.

    Args:
        outputs: Shape (images, 1) or (images, classes), float32.
    """
    return np.concatenate([1 - outputs, outputs], axis=1) if outputs.shape[1] == 1 else outputs
