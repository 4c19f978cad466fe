"""Building the network of a checked ``.keras`` file: first in a process of its own, then here."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
from keras.src.saving import serialization_lib

from cnnforge.errors import UnsafeFileError
from cnnforge.network import load_weights, save_weights
from cnnforge.system import import_keras
from cnnforge_keras_files import hdf5
from cnnforge_keras_files.archive import CONFIGURATION, WEIGHTS

_ARRAYS = "weights.npz"
_MAX_BYTES = 2**30  # beside what the weights need
_MAX_OUTPUT = 2**28  # numbers that a layer gives for one image


def check_safe_mode() -> None:
    """Check that nothing in this process has switched Keras's own checks off.

    Raises:
        UnsafeFileError: Something has.
    """
    if serialization_lib.in_safe_mode() is False:
        raise UnsafeFileError(
            "expected Keras's safe mode, received a process in which keras.config.enable_unsafe_deserialization()"
            " has been called",
            hint="`cnnforge plugins check` names the plugin that does it",
        )


def build(folder: Path) -> keras.Model:
    """Return the network, with the weights that :func:`try_out` left."""
    model = _network(folder)
    load_weights(model, folder / _ARRAYS)
    return model


def try_out(folder: str) -> None:
    """Build the network within limits and write its weights as arrays; why that fails is printed."""
    import_keras()
    weights = Path(folder) / WEIGHTS
    _limit(_MAX_BYTES + 4 * weights.stat().st_size)
    try:
        hdf5.check(weights)
        model = _network(Path(folder))
        _check_outputs(model)
        model.load_weights(weights)
        save_weights(model, Path(folder) / _ARRAYS)
    except Exception as error:  # Keras may raise anything over what a stranger wrote
        print(_in_short(error), end="")  # noqa: T201
        sys.exit(UnsafeFileError.exit_code)


def _in_short(error: BaseException) -> str:
    """Return on one line what went wrong at first; Keras wraps it again and again, the configuration before it."""
    while error.__cause__ is not None:
        error = error.__cause__
    text = " ".join(str(error).split()).rpartition("Exception encountered: ")[2][:500]
    return text if isinstance(error, ValueError) else f"{type(error).__name__}: {text}"


def _network(folder: Path) -> keras.Model:
    configuration = json.loads((folder / CONFIGURATION).read_text(encoding="utf-8"))
    with serialization_lib.ObjectSharingScope():
        model = keras.saving.deserialize_keras_object(configuration, safe_mode=True)
    if not isinstance(model, keras.Model):
        raise ValueError(f"expected a network, received {type(model).__name__}")
    return model


def _limit(num_bytes: int) -> None:
    """Let this process take no more memory than it has and so much; only Linux keeps such limits."""
    if sys.platform == "linux":
        import resource

        in_use = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]  # which may be somebody's own limit, and lower
        soft = in_use + num_bytes if hard == resource.RLIM_INFINITY else min(in_use + num_bytes, hard)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _check_outputs(model: keras.Model) -> None:
    for operation, tensor in _outputs(model):
        size = math.prod(length or 1 for length in tensor.shape[1:])
        if size > _MAX_OUTPUT:
            raise ValueError(f"layer {operation.name!r} gives {size:,} numbers, expected at most {_MAX_OUTPUT:,}")


def _outputs(model: keras.Model) -> Iterator[tuple[Any, keras.KerasTensor]]:
    for operation in getattr(model, "operations", model.layers):
        yield from ((operation, tensor) for tensor in keras.tree.flatten(operation.output))
        if isinstance(operation, keras.Model):
            yield from _outputs(operation)
