"""Weights on disk: every variable of a model in one NumPy archive.

Keras's own HDF5 files are not used for checkpoints: when the disk is full, the HDF5 library ends the process instead
of raising an error, and with it the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import keras
import numpy as np

from cnnforge.errors import UnsafeFileError
from cnnforge.network.arrays import read_arrays, write_arrays
from cnnforge.network.normalization import finalize_constants
from cnnforge.system import files


def variable_arrays(variables: Sequence[keras.Variable]) -> dict[str, np.ndarray]:
    """Return the values of variables under names that keep their order."""
    arrays = {}
    for number, variable in enumerate(variables):
        value = keras.ops.convert_to_numpy(keras.ops.convert_to_tensor(variable))
        # The number keeps the order, the path is for people: names that Keras makes up differ from process to process.
        name = f"{number:05} {variable.path}"
        arrays[name] = value.astype(np.float32) if value.dtype.kind == "V" else value  # NumPy has no bfloat16
    return arrays


def save_weights(model: keras.Model, path: Path) -> str:
    """Write all variables of a model, those of its seed generators included, atomically; return the file's SHA-256.

    Raises:
        StorageError: They cannot be written.
    """
    return write_arrays(path, variable_arrays(model.variables))


def load_weights(model: keras.Model, path: Path, sha256: str | None = None) -> None:
    """Give a model the variables that :func:`save_weights` wrote.

    Args:
        model: The same network.
        path: The file.
        sha256: What the run recorded of the file; compared before anything in it is looked at.

    Raises:
        StorageError: The file is damaged, or is that of another network.
        UnsafeFileError: It is not the file that was recorded.
    """
    if sha256 is not None and (received := files.sha256(path)) != sha256:
        raise UnsafeFileError(
            f"expected {path} as the run wrote it, sha256={sha256}, received sha256={received}",
            hint="it was damaged or replaced: take it from a copy of the run, or train again",
        )
    arrays = read_arrays(path, [tuple(variable.shape) for variable in model.variables])
    for variable, value in zip(model.variables, arrays.values(), strict=True):
        variable.assign(value)
    finalize_constants(model)


def leaves(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """Yield the layers of a network, in place of networks inside it theirs."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from leaves(layer)
        else:
            yield layer
