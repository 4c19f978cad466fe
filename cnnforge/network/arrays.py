"""Named NumPy arrays in one file, written whole or not at all and read without trust."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from cnnforge.errors import StorageError
from cnnforge.system import files

_KINDS = "biuf"  # booleans and numbers; never objects


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> str:
    """Write arrays atomically and return the file's SHA-256.

    Raises:
        StorageError: They cannot be written.
    """
    with files.replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    return files.sha256(path)


def read_arrays(path: Path, shapes: list[tuple[int, ...]] | None = None) -> dict[str, np.ndarray]:
    """Return the arrays of a file in the order of their names.

    Nothing in the file decides how much memory is used: arrays are stored uncompressed, and each must be as long as
    its shape says and as the file can hold.

    Args:
        path: What :func:`write_arrays` wrote.
        shapes: The shapes that the arrays must have, compared before any is read; None takes any.

    Raises:
        StorageError: The file is damaged, or holds arrays of other shapes.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = sorted(archive.infolist(), key=lambda member: member.filename)
            if sum(member.file_size for member in members) > path.stat().st_size:
                raise ValueError("its parts claim to be larger than the file")
            if shapes is not None and [_read(archive, member, only_shape=True).shape for member in members] != shapes:
                raise StorageError(f"expected {path} to hold the variables of this network, received those of another")
            return {member.filename.removesuffix(".npy"): _read(archive, member) for member in members}
    except (OSError, ValueError, EOFError, NotImplementedError, RuntimeError, zipfile.BadZipFile) as error:
        raise StorageError(f"cannot read {path}: {error}") from error


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo, *, only_shape: bool = False) -> np.ndarray:
    if member.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{member.filename} is compressed")
    with archive.open(member) as file:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError(f"{member.filename} is of an unknown version")
        shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(file)
        if dtype.kind not in _KINDS or math.prod(shape) * dtype.itemsize != member.file_size - file.tell():
            raise ValueError(f"{member.filename} is not what its header says")
        if only_shape:
            return np.broadcast_to(np.zeros((), dtype), shape)
        content = np.frombuffer(bytearray(file.read()), dtype)
        return content.reshape(shape, order="F" if is_fortran else "C")
