"""The layers of a network, whatever other networks they stand in."""

from __future__ import annotations

from collections.abc import Iterator

import keras


def leaves(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """Yield the layers of a network, in place of networks inside it theirs."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from leaves(layer)
        else:
            yield layer
