"""Architectures that break the contract, each in its own way."""

from __future__ import annotations

from collections.abc import Iterator

import keras

import cnnforge

EXPECTED = {
    "returns_none": "expected a keras.Model, received NoneType",
    "raises": "failed: KeyError",
    "wrong_head": r"expected output shape \(None, 1\) for 2 classes, received \(None, 2\)",
    "wrong_input": "expected input shape",
    "compiled": "not compiled",
}


def _network(input_shape: tuple[int, int, int], units: int) -> keras.Model:
    inputs = keras.Input(input_shape)
    x = keras.layers.GlobalAveragePooling2D()(inputs)
    return keras.Model(inputs, keras.layers.Dense(units, activation="sigmoid")(x))


def returns_none(options: object, *, input_shape: tuple[int, int, int], num_classes: int) -> None:
    return None


def raises(options: object, *, input_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    raise KeyError("layer")


def wrong_head(options: object, *, input_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    return _network(input_shape, 2)


def wrong_input(options: object, *, input_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    return _network((7, 7, 3), 1)


def compiled(options: object, *, input_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    model = _network(input_shape, 1)
    model.compile(loss="binary_crossentropy")
    return model


@cnnforge.hookimpl
def cnnforge_architectures() -> Iterator[cnnforge.ArchitectureSpec]:
    for name in EXPECTED:
        yield cnnforge.ArchitectureSpec(name=name, summary="broken", build=f"{__name__}:{name}")
