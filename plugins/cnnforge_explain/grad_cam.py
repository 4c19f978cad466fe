"""Grad-CAM: where in a photograph the evidence for a class lies (Selvaraju et al. 2017, arXiv:1610.02391).

The gradients are taken place by place and not averaged over the photograph (HiResCAM, Draelos & Carin 2020,
arXiv:2011.08891). Where the network itself averages over places, the two are the same; where a dense layer sees each
place apart, as in the classic network, only this one shows what the network used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from PIL import Image

from cnnforge.errors import RecipeError
from cnnforge_explain.observed_model import OBSERVED_BATCH_SIZE, LayerCall, ObservedModel


def grad_cam(model: keras.Model, images: np.ndarray, class_index: int | np.ndarray) -> np.ndarray:
    """Return how much each place of each image speaks for a class; what speaks against it is cut off.

    Works on any arrangement of layers, on TensorFlow and on JAX; not safe for several threads at once.

    Args:
        model: Takes images, 0 to 255; gives probabilities.
        images: Shape (images, height, width, channels).
        class_index: The class to explain, one for all images or one for each; of a sigmoid unit 1 is the class that
            it gives the probability of, 0 the other.

    Returns:
        Shape (images, height, width), float32, from 0 to 1; the strongest place of an image is 1, and an image
        without any evidence is 0 all over.

    Raises:
        RecipeError: The network has no convolution, or Keras runs on another backend.
    """
    return to_heatmaps(evidence(ObservedModel(model, images.shape[1:]), images, class_index))


def to_heatmaps(found: np.ndarray) -> np.ndarray:
    """Return evidence with what speaks against the class cut off, the strongest place of each image 1."""
    positive = np.maximum(found, 0)
    highest = positive.max(axis=(1, 2), keepdims=True)
    heatmaps: np.ndarray = positive / np.where(highest > 0, highest, 1)
    return heatmaps


def evidence(observed: ObservedModel, images: np.ndarray, class_index: int | np.ndarray) -> np.ndarray:
    """Return what each place adds to the class's score, to first order: positive for the class, negative against it.

    The maps that the last convolution leaves to the layers after it are multiplied with the gradient of the score
    (before sigmoid or softmax) with respect to them, and summed over channels.

    Returns:
        Shape (images, height, width), float32.

    Raises:
        RecipeError: As :func:`grad_cam`.
    """
    target = _last_grid(observed)
    classes = np.broadcast_to(np.asarray(class_index), len(images))
    starts = range(0, len(images), OBSERVED_BATCH_SIZE)
    grids = [
        _grids(observed, target, *(part[i : i + OBSERVED_BATCH_SIZE] for part in (images, classes))) for i in starts
    ]
    return np.stack([_enlarged(grid, images.shape[1:3]) for batch in grids for grid in batch])


def _last_grid(observed: ObservedModel) -> LayerCall:
    """Return the last call, from the last convolution on, whose output still is a grid."""
    if not (stages := observed.stages()):
        raise RecipeError(
            "expected a network with a convolution, whose maps Grad-CAM weighs, received one without any",
            hint="it can be trained and used all the same; only where it looks cannot be shown",
        )
    target = stages[-1]
    for call in observed.calls[target.index :]:
        if not call.is_grid:
            break
        target = call
    return target


def _grids(observed: ObservedModel, target: LayerCall, images: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return maps times gradients summed over channels, shape (images, rows, columns)."""
    (maps,) = observed.activations(images, [target.index])
    chosen = keras.ops.one_hot(keras.ops.convert_to_tensor(classes), observed.num_classes)

    def score(change: Any) -> Any:
        """Return the sum of the images' scores with the target's maps changed."""
        scores = observed.run(
            images, lambda call, output: keras.ops.add(output, change) if call.index == target.index else output
        )
        return keras.ops.sum(scores * chosen)

    grids: np.ndarray = (maps * _gradient(score, keras.ops.zeros(maps.shape, "float32"))).sum(axis=-1)
    return grids


def _gradient(function: Callable[[Any], Any], at: Any) -> np.ndarray:
    """Return the derivative of a scalar function of a tensor."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow

        with tensorflow.GradientTape(watch_accessed_variables=False) as tape:  # of what follows the change alone
            tape.watch(at)
            value = function(at)
        gradient = tape.gradient(value, at)
    elif backend == "jax":
        import jax

        gradient = jax.grad(function)(at)
    else:
        raise RecipeError(f"expected Keras on TensorFlow or JAX for Grad-CAM, received KERAS_BACKEND={backend}")
    return np.asarray(keras.ops.convert_to_numpy(gradient), np.float32)


def _enlarged(grid: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return a grid at the size (height, width) of the image."""
    image = Image.fromarray(grid.astype(np.float32)).resize(size[::-1], Image.Resampling.BILINEAR)
    return np.asarray(image)
