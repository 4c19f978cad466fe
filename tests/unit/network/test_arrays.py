"""Files of arrays: what is written is read, and nothing in a file decides what reading it costs."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cnnforge.errors import StorageError
from cnnforge.network.arrays import read_arrays, write_arrays
from cnnforge.system import files

ARRAYS = {
    "1 whole": np.arange(12, dtype=np.int64).reshape(3, 4),
    "2 fortran": np.asfortranarray(np.random.default_rng(0).random((4, 5), np.float32)),
    "3 scalar": np.float64(np.nan) * np.ones(()),
    "4 none": np.zeros((0, 7), np.uint32),
    "5/with path": np.array([True, False]),
}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    assert write_arrays(path, ARRAYS) == files.sha256(path)
    found = read_arrays(path, [value.shape for value in ARRAYS.values()])
    assert list(found) == list(ARRAYS)
    for name, value in ARRAYS.items():
        assert found[name].dtype == value.dtype
        np.testing.assert_array_equal(found[name], value)
        found[name][...] = 0  # writable, as callbacks expect of what is their own


def test_other_shapes_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    write_arrays(tmp_path / "a.npz", {"big": np.zeros(3_000_000, np.float32)})
    tracemalloc.start()
    with pytest.raises(StorageError, match="those of another"):
        read_arrays(tmp_path / "a.npz", [(5,)])
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def member(header_shape: str, content: bytes = b"\0" * 8, descr: str = "'<f4'") -> bytes:
    """Return an ``.npy`` file whose header says what it likes."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {header_shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + content


def archive(*members: bytes, compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as made:
        for number, content in enumerate(members):
            made.writestr(f"{number}.npy", content)
    return buffer.getvalue()


def claiming_more() -> bytes:
    """Return an archive whose directory says that its one member is 3 GB long."""
    content = bytearray(archive(member("(2,)")))
    start = content.rindex(b"PK\x01\x02")
    content[start + 20 : start + 28] = (3_000_000_000).to_bytes(4, "little") * 2
    return bytes(content)


HOSTILE: dict[str, Callable[[], bytes]] = {
    "a shape larger than its content": lambda: archive(member("(1000000000000,)")),
    "a compressed bomb": lambda: archive(member("(50000000,)", bytes(200_000_000)), compression=zipfile.ZIP_DEFLATED),
    "a directory that claims 3 GB": claiming_more,
    "objects": lambda: archive(member("(1,)", descr="'|O'")),
    "a header that is code": lambda: archive(member("__import__('os').getpid()")),
    "another version": lambda: archive(b"\x93NUMPY\x02\x00" + member("(2,)")[8:]),
    "no array": lambda: archive(b"not an array"),
    "no archive": lambda: b"PK not an archive",
    "nothing": lambda: b"",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_files_are_refused_without_using_memory(what: str, tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(HOSTILE[what]())
    tracemalloc.start()
    with pytest.raises(StorageError, match="cannot read"):
        read_arrays(tmp_path / "a.npz")
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()
