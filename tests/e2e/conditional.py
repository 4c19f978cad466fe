"""A plugin whose networks have as many blocks as a search decides, each with its own filters; not imported here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import cnnforge
from cnnforge import Field


class StackOptions(cnnforge.Options):
    filters: Annotated[tuple[int, ...], Field(min_length=1, description="of each block")] = (4, 8)
    head: Annotated[Literal["average", "dense"], Field(description="what ends the network")] = "average"
    units: Annotated[int, Field(ge=1, description="of the dense layer")] = 8


@cnnforge.hookimpl
def cnnforge_architectures() -> Iterator[cnnforge.ArchitectureSpec]:
    yield cnnforge.ArchitectureSpec(
        name="stack", summary="stack", build="conditional:build", options=StackOptions, input_shape=(24, 24, 3),
        search_space="conditional:search_space",
    )  # fmt: skip


def search_space(hp: Any) -> dict[str, Any]:
    num_blocks = hp.Int("num_blocks", 1, 3, default=2)
    options = {"filters": [hp.Int(f"filters_{i}", 4, 12, step=4) for i in range(num_blocks)]}
    options["head"] = hp.Choice("head", ["average", "dense"])
    if options["head"] == "dense":
        options["units"] = hp.Choice("units", [4, 8])
    return options


def build(options: StackOptions, *, input_shape: tuple[int, int, int], num_classes: int) -> Any:
    import keras

    inputs = keras.Input(input_shape)
    x = keras.layers.Rescaling(1 / 255)(inputs)
    for filters in options.filters:
        x = keras.layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    if options.head == "dense":
        x = keras.layers.Dense(options.units, activation="relu")(x)
    return keras.Model(inputs, cnnforge.head(x, num_classes))
