"""ReLU after max pooling in training steps: the same values and gradients, from a quarter of the numbers.

Neither function ever falls, so the maximum of rectified numbers is the rectified maximum; a window's gradient goes to
its first maximum either way, and nowhere if that is not above zero. Only what a training step computes is arranged so:
the network itself, its layers' outputs, and what is saved of it stay as the author wrote them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import keras


def rectify_after_pooling(model: keras.Model) -> None:
    """Have a network's training steps take ReLU after the max pooling that it goes into, wherever that is all it does.

    Networks whose layers stand in no graph (subclasses of ``keras.Model``) and those within other networks stay as
    they are.
    """
    pairs = list(_rectified_and_pooled(model))
    train_step = model.train_step

    def step(*arguments: Any) -> Any:
        with ExitStack() as stack:
            for rectified, pooling in pairs:
                stack.enter_context(_swapped(rectified, pooling))
            return train_step(*arguments)

    if pairs:
        model.train_step = step


def _rectified_and_pooled(model: keras.Model) -> Iterator[tuple[keras.layers.Layer, keras.layers.Layer]]:
    """Return each layer with ReLU as its activation that one max pooling alone takes up, and that pooling."""
    operations = model.layers if isinstance(model, keras.Sequential) else getattr(model, "operations", [])
    nodes = [(operation, node) for operation in operations for node in _uses(operation)]
    takers = Counter(id(tensor) for _, node in nodes for tensor in node.input_tensors)
    takers.update(id(tensor) for tensor in keras.tree.flatten(getattr(model, "outputs", [])))
    producers = {id(tensor): operation for operation, node in nodes for tensor in node.output_tensors}
    for pooling, node in nodes:
        if isinstance(pooling, keras.layers.MaxPooling2D):
            (tensor,) = node.input_tensors
            rectified = producers.get(id(tensor))
            if _is_rectified(rectified) and len(_uses(rectified)) == len(_uses(pooling)) == takers[id(tensor)] == 1:
                yield rectified, pooling


def _uses(operation: keras.Operation) -> list[Any]:
    """Return the places of an operation in graphs: tensors in, tensors out; Keras has no public name for them."""
    return getattr(operation, "_inbound_nodes", [])


def _is_rectified(operation: object) -> bool:
    return (
        isinstance(operation, keras.layers.Conv2D | keras.layers.Activation)
        and operation.activation is keras.activations.relu
    )


@contextmanager
def _swapped(rectified: keras.layers.Layer, pooling: keras.layers.Layer) -> Iterator[None]:
    """Take the activation from one layer and give it to the other, for a while."""
    pool = pooling.call
    rectified.activation = keras.activations.linear
    pooling.call = lambda inputs: keras.activations.relu(pool(inputs))
    try:
        yield
    finally:
        rectified.activation = keras.activations.relu
        pooling.call = pool
