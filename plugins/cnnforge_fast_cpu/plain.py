"""What is Keras's own with nothing attached: only there is known what a faster step has to compute."""

from __future__ import annotations

from functools import cache
from typing import Any

import keras

# Keras itself puts these on every layer, and the loss on every compiled network.
_PUT_BY_KERAS = {"build", "quantize", "loss"}


def is_plain_model(model: keras.Model) -> bool:
    """Return whether a network with one input is trained by Keras's own step, not compiled as a whole."""
    is_own = type(model) in (keras.Sequential, _functional())
    return is_own and _is_unchanged(model) and len(model.inputs) == 1 and not model.jit_compile


def is_plain_layer(layer: Any, *types: type) -> bool:
    """Return whether a layer's very type is one of these, and nothing is attached that could see what it computes."""
    return (
        type(layer) in types
        and _is_unchanged(layer)
        and not any(value for name, value in vars(layer).items() if name.endswith(("_regularizer", "_constraint")))
        and not any(variable.regularizer or variable.constraint for variable in layer.variables)
        and layer.activity_regularizer is None
        and layer.dtype_policy.quantization_mode is None
        and not getattr(layer, "lora_enabled", False)
        and not getattr(layer, "_remat_mode", None)  # computes what it forgot a second time
    )


def is_plain_optimizer(optimizer: object, *types: type) -> bool:
    """Return whether an optimizer's very type is one of these, and none of its methods was replaced."""
    return type(optimizer) in types and _is_unchanged(optimizer)


@cache
def _functional() -> type[keras.Model]:
    """Return the type of what ``keras.Model(inputs, outputs)`` makes; Keras has no public name for it."""
    image = keras.Input((1,), name="image")
    return type(keras.Model(image, image, name="functional"))


def _is_unchanged(thing: object) -> bool:
    """Return whether no method is replaced on this one object."""
    return not any(callable(getattr(type(thing), name, None)) for name in vars(thing).keys() - _PUT_BY_KERAS)
