"""Reading PyTorch's old format: arrays as they were, and nothing that a file could do harm with."""

from __future__ import annotations

import io
import os
import pickle
import pickletools
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
from cnnforge_efficientnet_lite.torch_file import read_state_dict

from cnnforge.errors import UnsafeFileError

MAGIC = 0x1950A86A20F9469CFC6C


class Global:
    """Is pickled as the name of something in a module that need not exist."""

    def __init__(self, name: str) -> None:
        self.name = name


class Storage:
    def __init__(self, kind: str, key: str, values: np.ndarray) -> None:
        self.kind, self.key, self.values = kind, key, values


class Writer(pickle._Pickler):
    """Writes what `torch.save` wrote, without PyTorch."""

    def persistent_id(self, found: Any) -> Any:
        if isinstance(found, Storage):
            return ("storage", Global(found.kind), found.key, "cpu", found.values.size, None)
        return None

    def save(self, found: Any, *arguments: Any, **keywords: Any) -> None:
        if isinstance(found, Global):
            module, _, name = found.name.rpartition(".")
            self.write(pickle.GLOBAL + f"{module}\n{name}\n".encode())
        else:
            super().save(found, *arguments, **keywords)

    def save_reduce(self, function: Any, arguments: Any, *rest: Any, **_: Any) -> None:
        *_, pairs = (*rest, ())[:3]  # state and list items are not used here
        self.save(Global("collections.OrderedDict") if function is OrderedDict else function)
        self.save(arguments)
        self.write(pickle.REDUCE)
        self._batch_setitems(iter(pairs or ()))


class Tensor:
    def __init__(self, storage: Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> None:
        self.arguments = (storage, offset, shape, strides, False, OrderedDict())

    def __reduce__(self) -> Any:
        return Global("torch._utils._rebuild_tensor_v2"), self.arguments


def state_bytes(tensors: dict[str, Tensor]) -> bytes:
    file = io.BytesIO()
    Writer(file, 2).dump(OrderedDict(tensors))
    return file.getvalue()


def whole(state: bytes, *storages: Storage) -> bytes:
    header = [pickle.dumps(value, 2) for value in (MAGIC, 1001, {"little_endian": True})]
    keys = pickle.dumps([storage.key for storage in storages], 2)
    data = [storage.values.size.to_bytes(8, "little") + storage.values.tobytes() for storage in storages]
    return b"".join([*header, state, keys, *data])


NUMBERS = Storage("torch.FloatStorage", "1", np.arange(24, dtype="<f4"))
COUNT = Storage("torch.LongStorage", "2", np.array([7], "<i8"))


def test_tensors_are_read_whatever_their_order_in_memory() -> None:
    tensors = {
        "plain": Tensor(NUMBERS, 0, (2, 3, 4), (12, 4, 1)),
        "transposed": Tensor(NUMBERS, 12, (4, 3), (1, 4)),
        "count": Tensor(COUNT, 0, (), ()),
    }
    arrays = read_state_dict(whole(state_bytes(tensors), NUMBERS, COUNT))
    np.testing.assert_array_equal(arrays["plain"], NUMBERS.values.reshape(2, 3, 4))
    np.testing.assert_array_equal(arrays["transposed"], NUMBERS.values[12:].reshape(3, 4).T)
    assert (arrays["count"].shape, int(arrays["count"])) == ((), 7)


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [(0, (25,), (1,)), (20, (5,), (1,)), (-1, (2,), (1,)), (0, (2, 12), (13, 1)), (0, (3,), (-1,)), (0, (-2,), (1,))],
)
def test_a_tensor_that_reaches_beyond_its_storage_is_refused(
    offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
) -> None:
    content = whole(state_bytes({"greedy": Tensor(NUMBERS, offset, shape, strides)}), NUMBERS)
    with pytest.raises(UnsafeFileError, match="expected a tensor within its 24 elements"):
        read_state_dict(content)


class Harm:
    def __reduce__(self) -> Any:
        return os.system, ("exit 1",)


@pytest.mark.parametrize("place", ["header", "state"])
def test_a_file_that_names_a_function_is_refused_and_the_function_not_called(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    harmful = pickle.dumps(Harm(), 2)
    assert b"system" in harmful
    called: list[str] = []
    monkeypatch.setattr(os, "system", called.append)
    content = harmful if place == "header" else whole(harmful)
    with pytest.raises(UnsafeFileError, match=r"received one that names (posix|nt)\.system"):
        read_state_dict(content)
    assert called == []


@pytest.mark.parametrize("name", ["builtins.eval", "numpy.dtype", "torch.HalfStorage", "torch.nn.Linear"])
def test_only_four_names_are_admitted(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    content = pickle.PROTO + b"\x02" + pickle.GLOBAL + f"{module}\n{attribute}\n".encode() + pickle.STOP
    assert [op.name for op, _, _ in pickletools.genops(content)] == ["PROTO", "GLOBAL", "STOP"]
    with pytest.raises(UnsafeFileError, match=f"names {name}"):
        read_state_dict(whole(content))


@pytest.mark.parametrize("length", [0, 10, 100, -1, -50])
def test_a_file_that_ends_early_is_refused(length: int) -> None:
    content = whole(state_bytes({"a": Tensor(NUMBERS, 0, (24,), (1,))}), NUMBERS)
    assert len(read_state_dict(content)["a"]) == 24
    with pytest.raises(UnsafeFileError):
        read_state_dict(content[:length])


def test_another_magic_number_is_refused() -> None:
    with pytest.raises(UnsafeFileError, match="expected a state dictionary"):
        read_state_dict(b"".join(pickle.dumps(value, 2) for value in (1, 1001, {}, OrderedDict(), [])))
