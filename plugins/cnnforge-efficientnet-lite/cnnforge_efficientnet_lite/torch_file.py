"""Reading PyTorch's old file format, from before it became a zip archive, without PyTorch and without trust.

A file is five pickles (a magic number, the protocol, facts of the writer, the object, the keys of its storages), then
for each key a number of elements and their bytes. The third pickle but one may name anything at all, so what it may
name is a list of four: tensors and what holds them.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnnforge.errors import UnsafeFileError

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_DTYPES = {"torch.FloatStorage": "<f4", "torch.LongStorage": "<i8"}


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A tensor whose numbers come later in the file; offset and strides count elements."""

    key: str
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def of(self, storages: dict[str, bytes]) -> np.ndarray:
        storage = np.frombuffer(storages[self.key], self.dtype)
        last = self.offset + sum((size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True))
        if min(self.offset, *self.shape, *self.strides, 0) < 0 or last >= len(storage):
            raise UnsafeFileError(f"expected a tensor within its {len(storage)} elements, received {self}")
        steps = [stride * storage.itemsize for stride in self.strides]
        return np.lib.stride_tricks.as_strided(storage[self.offset :], self.shape, steps).copy()


def read_state_dict(content: bytes) -> dict[str, np.ndarray]:
    """Return the arrays of a state dictionary of float and long tensors.

    Raises:
        UnsafeFileError: The file is damaged, or holds anything else.
    """
    file = io.BytesIO(content)
    try:
        header = [_Unpickler(file).load() for _ in range(3)]
        tensors = _Unpickler(file)
        state = tensors.load()
        keys = _Unpickler(file).load()
        if header[:2] != [_MAGIC, _PROTOCOL] or not isinstance(state, OrderedDict):
            raise UnsafeFileError(f"expected a state dictionary, received {type(state).__name__}")
        storages = {key: _read_storage(file, tensors.storages[key]) for key in keys}
        return {str(name): tensor.of(storages) for name, tensor in state.items()}
    except UnsafeFileError:
        raise
    except Exception as error:  # a damaged pickle can raise anything
        raise UnsafeFileError(f"expected a file of tensors, received a damaged one: {error!r}") from error


class _Unpickler(pickle.Unpickler):
    """Admits what tensors are made of and nothing else; whatever else a file names is refused, not imported."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.storages: dict[str, tuple[str, int]] = {}

    def find_class(self, module: str, name: str) -> Any:
        found = f"{module}.{name}"
        admitted = {"collections.OrderedDict": OrderedDict, "torch._utils._rebuild_tensor_v2": _tensor}
        if found in _DTYPES:
            return _DTYPES[found]
        if found not in admitted:
            raise UnsafeFileError(f"expected a file of tensors alone, received one that names {found}")
        return admitted[found]

    def persistent_load(self, pid: Any) -> tuple[str, str]:
        _, dtype, key, _, num_elements, _ = pid
        self.storages[key] = (str(dtype), int(num_elements))
        return str(key), str(dtype)


def _tensor(
    storage: tuple[str, str], offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any
) -> _Tensor:
    return _Tensor(*storage, offset, shape, strides)


def _read_storage(file: io.BytesIO, description: tuple[str, int]) -> bytes:
    dtype, num_elements = description
    if int.from_bytes(file.read(8), "little") != num_elements:
        raise UnsafeFileError(f"expected a storage of {num_elements} elements, received another")
    num_bytes = num_elements * np.dtype(dtype).itemsize
    content = file.read(num_bytes)
    if len(content) != num_bytes:
        raise UnsafeFileError(f"expected {num_bytes} bytes, received {len(content)}: the file ends early")
    return content
