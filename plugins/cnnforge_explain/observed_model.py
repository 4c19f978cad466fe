"""Looking into a network while it computes: what its layers give, and its scores before they become probabilities."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from cnnforge.network import leaves

OBSERVED_BATCH_SIZE = 32
_SATURATING = ("sigmoid", "softmax")
_TINY = 1e-7  # probabilities are kept this far from 0 and 1 where only they are known

Observer = Callable[["LayerCall", Any], Any]
"""Is shown each call of a layer with the tensor it gave; returns the tensor to go on with."""


@dataclass(frozen=True, slots=True)
class LayerCall:
    """One call of a layer in a forward pass; a layer that is shared is called several times.

    ``shape`` is that of its output without the batch dimension; empty if the output is no single tensor.
    """

    index: int
    layer: keras.layers.Layer
    shape: tuple[int, ...]

    @property
    def is_grid(self) -> bool:
        """Whether the output still is a grid of positions: height, width, channels."""
        return len(self.shape) == 3 and self.shape[0] * self.shape[1] > 1


class ObservedModel:
    """A network, Sequential, functional, subclassed or nested, whose layers can be watched as it computes.

    The calls of the layers themselves are watched, so that no second network has to be built out of the first, which
    is where nested ones defeat others. Computing through it is not safe for several threads at once.

    Args:
        model: Takes images, 0 to 255, shape (images, height, width, channels); gives probabilities.
        input_shape: Height, width, channels of the images.
    """

    def __init__(self, model: keras.Model, input_shape: tuple[int, int, int]) -> None:
        self._model = model
        self.calls: list[LayerCall] = []
        scores = self.run(np.zeros((1, *input_shape), np.uint8), self._record)
        self.num_classes = int(scores.shape[1])

    def run(self, images: np.ndarray, observer: Observer) -> Any:
        """Return the class scores of images as a tensor; the observer sees every call of a layer on the way."""
        head = self.calls[-1].layer if self.calls else None
        with _watched(self._model, observer), _unsaturated(head) as is_score:
            outputs = self._model(keras.ops.convert_to_tensor(images, "float32"), training=False)
        outputs = keras.ops.cast(outputs, "float32")
        if not is_score:
            kept = keras.ops.clip(outputs, _TINY, 1 - _TINY)
            outputs = keras.ops.log(kept) - keras.ops.log(1 - kept)
        return keras.ops.concatenate([-outputs, outputs], axis=1) if outputs.shape[1] == 1 else outputs

    def scores(self, images: np.ndarray) -> np.ndarray:
        """Return the score of every class before sigmoid or softmax, shape (images, classes).

        A probability near 1 no longer tells one certainty from another, and has no gradient; a score does. For two
        classes it is the logarithm of the odds and its negative.
        """
        return np.concatenate(
            [keras.ops.convert_to_numpy(self.run(batch, lambda _, output: output)) for batch in _batches(images)]
        )

    def activations(self, images: np.ndarray, indices: Collection[int]) -> list[np.ndarray]:
        """Return what the calls of those indices give for a few images, each of shape (images, …), in call order."""
        found: list[np.ndarray] = []

        def keep(call: LayerCall, output: Any) -> Any:
            if call.index in indices:
                found.append(keras.ops.convert_to_numpy(output))
            return output

        self.run(images, keep)
        return found

    def stages(self) -> list[LayerCall]:
        """Return for each convolution the last call on its way that has the same grid: its activation, but no pooling.

        Empty for a network without convolutions; those on a grid of a single place do not count.
        """
        found: list[LayerCall] = []
        for call in self.calls:
            if call.is_grid and _has_kernel(call.layer):
                found.append(call)
            elif found and found[-1].index == call.index - 1 and call.is_grid and call.shape[:2] == found[-1].shape[:2]:
                found[-1] = call
        return found

    def _record(self, call: LayerCall, output: Any) -> Any:
        self.calls.append(call)
        return output


@contextmanager
def _unsaturated(head: keras.layers.Layer | None) -> Iterator[bool]:
    """Let a last layer leave out its sigmoid or softmax; yield whether it has one to leave out."""
    activation = getattr(head, "activation", None)
    if head is None or getattr(activation, "__name__", "") not in _SATURATING:
        yield False
        return
    head.activation = keras.activations.linear
    try:
        yield True
    finally:
        head.activation = activation


def _has_kernel(layer: keras.layers.Layer) -> bool:
    return any(len(weight.shape) == 4 for weight in layer.weights)


def _batches(images: np.ndarray) -> list[np.ndarray]:
    return [images[start : start + OBSERVED_BATCH_SIZE] for start in range(0, len(images), OBSERVED_BATCH_SIZE)]


@contextmanager
def _watched(model: keras.Model, observer: Observer) -> Iterator[None]:
    """Show the observer every call of a layer of the model, inner models' layers included."""
    num_calls = 0

    def watch(layer: keras.layers.Layer) -> None:
        original = layer.call

        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal num_calls
            output = original(*args, **kwargs)
            shape = tuple(output.shape[1:]) if hasattr(output, "shape") else ()
            num_calls += 1
            return observer(LayerCall(num_calls - 1, layer, shape), output)

        vars(layer)["call"] = call  # for this layer alone, in the way of the method of its class

    layers = {id(layer): layer for layer in leaves(model)}.values()
    try:
        for layer in layers:
            watch(layer)
        yield
    finally:
        for layer in layers:
            vars(layer).pop("call", None)
