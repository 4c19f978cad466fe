"""Grad-CAM: where in a photograph the evidence for a class lies (Selvaraju et al. 2017, arXiv:1610.02391)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from PIL import Image

from cnnforge.errors import RecipeError
from cnnforge.results.observed_model import BATCH_SIZE, LayerCall, ObservedModel


def grad_cam(model: keras.Model, images: np.ndarray, class_index: int | np.ndarray) -> np.ndarray:
    """Return how much each place of each image speaks for a class.

    The maps of the last convolution are added up, each weighted with the mean gradient of the class's score with
    respect to it; what speaks against the class is cut off. Works on any arrangement of layers, on TensorFlow and on
    JAX; not safe for several threads at once.

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
    observed = ObservedModel(model, images.shape[1:])
    target = _last_convolution(observed)
    classes = np.broadcast_to(np.asarray(class_index), len(images))
    starts = range(0, len(images), BATCH_SIZE)
    maps = [_maps(observed, target, *(part[i : i + BATCH_SIZE] for part in (images, classes))) for i in starts]
    return np.stack([_enlarged(evidence, images.shape[1:3]) for batch in maps for evidence in batch])


def _last_convolution(observed: ObservedModel) -> LayerCall:
    """Return the last call that keeps the grid of the last convolution: its activation, say, but no pooling."""
    convolutions = [call for call in observed.calls if call.is_grid and _has_kernel(call.layer)]
    if not convolutions:
        raise RecipeError(
            "expected a network with a convolution, whose maps Grad-CAM weighs, received one without any",
            hint="occlusion needs none",
        )
    target = convolutions[-1]
    for call in observed.calls[target.index :]:
        if call.shape[:2] != target.shape[:2] or not call.is_grid:
            break
        target = call
    return target


def _has_kernel(layer: keras.layers.Layer) -> bool:
    return any(len(weight.shape) == 4 for weight in layer.weights)


def _maps(observed: ObservedModel, target: LayerCall, images: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the weighted sum of the target's maps, shape (images, rows, columns), nowhere negative."""
    (maps,) = observed.activations(images, [target.index])
    chosen = keras.ops.one_hot(keras.ops.convert_to_tensor(classes), observed.num_classes)

    def score(change: Any) -> Any:
        """Return the sum of the images' scores with the target's maps changed."""
        scores = observed.run(
            images, lambda call, output: keras.ops.add(output, change) if call.index == target.index else output
        )
        return keras.ops.sum(scores * chosen)

    gradients = _gradient(score, keras.ops.zeros(maps.shape, "float32"))
    weights = gradients.mean(axis=(1, 2), keepdims=True)
    evidence: np.ndarray = np.maximum((weights * maps).sum(axis=-1), 0)
    return evidence


def _gradient(function: Callable[[Any], Any], at: Any) -> np.ndarray:
    """Return the derivative of a scalar function of a tensor."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow

        with tensorflow.GradientTape() as tape:
            tape.watch(at)
            value = function(at)
        gradient = tape.gradient(value, at)
    elif backend == "jax":
        import jax

        gradient = jax.grad(function)(at)
    else:
        raise RecipeError(f"expected Keras on TensorFlow or JAX for Grad-CAM, received KERAS_BACKEND={backend}")
    return np.asarray(keras.ops.convert_to_numpy(gradient), np.float32)


def _enlarged(evidence: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return a map at the size (height, width) of the image, its highest value 1."""
    image = Image.fromarray(evidence.astype(np.float32)).resize(size[::-1], Image.Resampling.BILINEAR)
    large: np.ndarray = np.asarray(image)
    return large / (large.max() or 1)
