"""A ``keras.Model`` as an architecture: its configuration and weights are recorded, and it is built from those."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnforge.errors import RecipeError
from cnnforge_ownmodel import kept

if TYPE_CHECKING:
    import keras

    from cnnforge_ownmodel import ModelOptions


def take(given: object) -> Mapping[str, Any] | None:
    """Return the settings of a Keras model; None for anything else.

    Raises:
        RecipeError: It cannot be saved and loaded again, or is not built.
    """
    if "keras" not in sys.modules:
        return None
    import keras

    if not isinstance(given, keras.Model):
        return None
    if not given.built:
        raise RecipeError("expected a model that is built, received one without an input shape")
    with tempfile.TemporaryDirectory(prefix="cnnforge-model-") as folder:
        path = Path(folder) / "network.keras"
        try:
            given.save(path, include_optimizer=False)
            keras.saving.load_model(path, compile=False)
        except Exception as error:
            raise RecipeError(
                f"expected a model that Keras can save and load, received {given.name}: {error}",
                hint="give the function that builds it instead: cnnforge.run(model=build)",
            ) from error
        sha256 = kept.keep(path.read_bytes(), ".keras")
    height, width, channels = given.input_shape[1:]
    settings: dict[str, Any] = {"architecture.sha256": sha256}
    if height and width:
        settings["data.image_size"] = [height, width]
    if channels == 1:
        settings["data.color_mode"] = "grayscale"
    return settings


def build(options: ModelOptions, *, input_shape: tuple[int, int, int], num_classes: int) -> keras.Model:  # noqa: ARG001
    """Return the recorded model, uncompiled.

    Raises:
        RecipeError: It was not given on this machine, or uses objects that this process does not know.
    """
    import keras

    path = kept.find(options.sha256, ".keras", "cnnforge.run(model=…)")
    try:
        model = keras.saving.load_model(path, compile=False)
    except Exception as error:
        raise RecipeError(
            f"the recorded model cannot be loaded: {error}",
            hint="objects of one's own must be registered (keras.saving.register_keras_serializable) before",
        ) from error
    if options.trainable is not None:
        model.trainable = options.trainable
    return model
