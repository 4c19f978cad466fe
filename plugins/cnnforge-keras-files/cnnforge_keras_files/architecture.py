"""Building a network from somebody else's ``.keras`` file, kept by its hash for the runs that use it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cnnforge
from cnnforge.errors import RecipeError
from cnnforge.system import data_dir, expanded, files
from cnnforge_keras_files import load_keras_file

if TYPE_CHECKING:
    import keras

    from cnnforge_keras_files.plugin import KerasFileOptions


def take(given: object) -> Mapping[str, Any] | None:
    """Return the settings of a ``.keras`` file, which is copied beside those of other runs; None for anything else.

    Raises:
        RecipeError: There is no such file.
        UnsafeFileError: It is not safe.
    """
    if not isinstance(given, str) or not given.endswith(".keras"):
        return None
    path = expanded(given).absolute()
    if not path.is_file():
        raise RecipeError(f"expected a .keras file, received --architecture {given}, which does not exist")
    model = load_keras_file(path)
    sha256 = files.sha256(path)
    kept = _kept(sha256)
    if not kept.is_file():
        with files.storage_errors(kept):
            kept.parent.mkdir(parents=True, exist_ok=True)
        with files.replacing(kept) as temporary:
            temporary.write_bytes(path.read_bytes())
    height, width, channels = model.input_shape[1:]
    settings: dict[str, Any] = {"architecture.path": str(path), "architecture.sha256": sha256}
    if height and width:
        settings["data.image_size"] = [height, width]
    if channels == 1:
        settings["data.color_mode"] = "grayscale"
    return settings


def build(options: KerasFileOptions, *, input_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    """Return the network of the file; its last layer is replaced where it has another number of outputs.

    Raises:
        RecipeError: The file is gone or another one, or the network has nothing before its last layer.
        UnsafeFileError: It is not safe.
    """
    import keras

    path = next((path for path in (_kept(options.sha256), Path(options.path)) if path.is_file()), None)
    if path is None or files.sha256(path) != options.sha256:
        raise RecipeError(
            f"expected the .keras file that the run was given, received architecture.path={options.path}",
            hint="give it with --architecture FILE.keras",
        )
    loaded = load_keras_file(path)
    if tuple(loaded.output_shape) == (None, 1 if num_classes == 2 else num_classes):
        loaded.trainable = options.trainable or loaded.trainable
        return loaded
    if len(loaded.layers) < 3:
        raise RecipeError(f"expected a network with layers before its last, received {options.path}")
    features = keras.Model(loaded.inputs, loaded.layers[-2].output, name="features")
    features.trainable = options.trainable
    inputs = keras.Input(input_shape, name="image")
    return keras.Model(inputs, cnnforge.head(features(inputs), num_classes))


def _kept(sha256: str) -> Path:
    return data_dir() / "keras-files" / f"{sha256}.keras"


def copy_to(directory: Path, sha256: str) -> None:
    """Copy the file of a network into a run directory, for other machines."""
    target = directory / "network.keras"
    if _kept(sha256).is_file() and not target.exists():
        with files.replacing(target) as temporary:
            temporary.write_bytes(_kept(sha256).read_bytes())
