"""ReLU after max pooling in training steps: the same values and gradients, from a quarter of the numbers.

Neither function ever falls, so the maximum of rectified numbers is the rectified maximum; a window's gradient goes to
its first maximum either way, and nowhere if that is not above zero. Only what a training step computes is arranged so:
the network itself, its layers' outputs, and what is saved of it stay as the author wrote them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras

from cnnforge_fast_cpu.plain import is_plain_layer
from cnnforge_fast_cpu.step_check import Trial, forward_and_backward

_Pair = tuple[keras.layers.Layer, keras.layers.Layer]


@dataclass(frozen=True, slots=True)
class LateRelu:
    """Takes ReLU after the max pooling that it goes into, wherever in a network that is all it does."""

    pairs: tuple[_Pair, ...]

    @classmethod
    def of(cls, model: keras.Model) -> LateRelu:
        """Find the layers with ReLU that one max pooling alone takes up; those of networks within stay as they are."""
        nodes = _nodes(model)
        uses = Counter(id(node.operation) for node in nodes)
        takers = Counter(id(tensor) for node in nodes for tensor in node.input_tensors)
        takers.update(id(tensor) for tensor in keras.tree.flatten(model.outputs))
        producers = {id(tensor): node.operation for node in nodes for tensor in node.output_tensors}
        # What a layer or a network within this one holds is called from there too, which no graph shows.
        uses.update(id(inner) for layer in model.layers for inner in layer._flatten_layers(include_self=False))  # noqa: SLF001
        pairs = []
        for pooling, (tensor, *_) in ((node.operation, node.input_tensors) for node in nodes if node.input_tensors):
            rectified: Any = producers.get(id(tensor))
            if (
                is_plain_layer(pooling, keras.layers.MaxPooling2D)
                and _is_rectified(rectified)
                and rectified.compute_dtype == pooling.compute_dtype  # else what is pooled was rounded after the ReLU
                and uses[id(rectified)] == uses[id(pooling)] == takers[id(tensor)] == 1
            ):
                pairs.append((rectified, pooling))
        return cls(tuple(pairs))

    def __bool__(self) -> bool:
        return bool(self.pairs)

    def trials(self, model: keras.Model) -> list[Trial]:
        """Return what to compare: a pass forward and back, to the bit."""
        return [Trial(partial(forward_and_backward, model), 0)]

    def __str__(self) -> str:
        return f"ReLU after the pooling in {len(self.pairs)} layer{'s' * (len(self.pairs) != 1)}"

    @contextmanager
    def swapped(self) -> Iterator[None]:
        """Have it computed so for a while."""
        with ExitStack() as stack:
            for rectified, pooling in self.pairs:
                stack.enter_context(_swapped(rectified, pooling))
            yield


def _nodes(model: keras.Model) -> list[Any]:
    """Return the calls of layers that a network is made of: a layer each, tensors in, tensors out.

    Keras has no public name for them.
    """
    graph = getattr(model, "_functional", None) if isinstance(model, keras.Sequential) else model
    return [node for nodes in getattr(graph, "_nodes_by_depth", {}).values() for node in nodes]


def _is_rectified(layer: Any) -> bool:
    return (
        is_plain_layer(layer, keras.layers.Conv2D, keras.layers.Activation)
        and layer.activation is keras.activations.relu
    )


@contextmanager
def _swapped(rectified: keras.layers.Layer, pooling: keras.layers.Layer) -> Iterator[None]:
    """Take the activation from one layer and give it to the other."""
    pool = pooling.call
    rectified.activation = keras.activations.linear
    pooling.call = lambda inputs: keras.activations.relu(pool(inputs))
    try:
        yield
    finally:
        rectified.activation = keras.activations.relu
        del pooling.call
