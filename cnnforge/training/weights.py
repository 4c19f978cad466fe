"""Weights on disk: every variable of a model in one NumPy archive.

Keras's own HDF5 files are not used for checkpoints: when the disk is full, the HDF5 library ends the process instead
of raising an error, and with it the run.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import keras
import numpy as np

from cnnforge import files
from cnnforge.errors import StorageError


def save_weights(model: keras.Model, path: Path) -> None:
    """Write all variables of a model, those of its seed generators included, atomically.

    Raises:
        StorageError: They cannot be written.
    """
    values = [keras.ops.convert_to_numpy(keras.ops.convert_to_tensor(variable)) for variable in model.variables]
    # The number keeps the order, the path is for people: names that Keras makes up differ from process to process.
    named = zip(values, model.variables, strict=True)
    arrays = {f"{number:05} {variable.path}": value for number, (value, variable) in enumerate(named)}
    with files.replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def load_weights(model: keras.Model, path: Path) -> None:
    """Give a model the variables that :func:`save_weights` wrote.

    Raises:
        StorageError: The file is damaged, or is that of another network.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            values = [arrays[name] for name in sorted(arrays.files)]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise StorageError(f"cannot read {path}: {error}") from error
    shapes = [tuple(variable.shape) for variable in model.variables]
    if [value.shape for value in values] != shapes:
        raise StorageError(f"expected {path} to hold the variables of this network, received those of another")
    for variable, value in zip(model.variables, values, strict=True):
        variable.assign(value)
