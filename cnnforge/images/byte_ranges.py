"""Random access to the bytes of a file, of a part of it, and of a deflated part of it, without unpacking."""

from __future__ import annotations

import io
import os
import threading
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

_CHUNK = 2**18
_MIN_SPACING = 2**20
_MAX_CHECKPOINTS = 2048


class Bytes(Protocol):
    """Something whose bytes can be read anywhere, from many threads; it can be pickled."""

    @property
    def size(self) -> int:
        """How many bytes there are."""

    def read_at(self, offset: int, count: int) -> bytes:
        """Return ``count`` bytes from ``offset`` on, fewer at the end."""


class FileBytes:
    """A file, opened when first read and again in every process it is sent to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = path.stat().st_size
        self._lock = threading.Lock()
        self._file: io.FileIO | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return FileBytes, (self.path,)

    def read_at(self, offset: int, count: int) -> bytes:
        file = self._file or self._open()
        if hasattr(os, "pread"):
            return os.pread(file.fileno(), count, offset)
        with self._lock:  # Windows has no call that reads at a place without moving the file's own position
            file.seek(offset)
            return file.read(count)

    def _open(self) -> io.FileIO:
        with self._lock:
            if self._file is None:
                self._file = io.FileIO(self.path)
            return self._file

    def __del__(self) -> None:
        if file := getattr(self, "_file", None):
            file.close()


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of other bytes."""

    source: Bytes
    start: int
    size: int

    def read_at(self, offset: int, count: int) -> bytes:
        return self.source.read_at(self.start + offset, max(0, min(count, self.size - offset)))


@dataclass(slots=True)
class _Checkpoint:
    """A decompressor in the state it has after ``output`` bytes, and where its next input stands."""

    output: int
    input: int
    state: Any


@dataclass
class Inflated:
    """The content of deflated bytes.

    Deflate can only be read from the start, so the first read goes through all of it once and keeps a copy of the
    decompressor every megabyte (some 40 kB each). A later read starts from the copy before it.
    """

    source: Bytes
    size: int
    _checkpoints: list[_Checkpoint] = field(default_factory=list, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return Inflated, (self.source, self.size)

    def read_at(self, offset: int, count: int) -> bytes:
        count = max(0, min(count, self.size - offset))
        with self._lock:
            if not self._checkpoints:
                self._checkpoints = self._index()
        checkpoint = self._checkpoints[min(offset // self._spacing, len(self._checkpoints) - 1)]
        skip = offset - checkpoint.output
        stream = _Stream(self.source, checkpoint.input, checkpoint.state.copy())
        while skip > 0 and (dropped := stream.read(min(skip, _CHUNK))):
            skip -= len(dropped)
        return stream.read(count)

    @property
    def _spacing(self) -> int:
        return max(_MIN_SPACING, self.size // _MAX_CHECKPOINTS)

    def _index(self) -> list[_Checkpoint]:
        stream = _Stream(self.source, 0, zlib.decompressobj(-zlib.MAX_WBITS))
        found = []
        for output in range(0, max(1, self.size), self._spacing):
            found.append(_Checkpoint(output, stream.position, stream.state.copy()))
            if len(stream.read(self._spacing)) < min(self._spacing, self.size - output):
                raise ValueError("cut off or damaged")
        return found


@dataclass(slots=True)
class _Stream:
    """Deflated bytes read forward from one place."""

    source: Bytes
    position: int
    state: Any

    def read(self, count: int) -> bytes:
        """Return exactly ``count`` bytes of content, fewer at the end."""
        parts = []
        while count > 0 and not self.state.eof:
            pending = self.state.unconsumed_tail
            data = pending or self._next_input()
            content = self._inflate(data, count)
            parts.append(content)
            count -= len(content)
            if not data and not content:
                break
        return b"".join(parts)

    def _next_input(self) -> bytes:
        data = self.source.read_at(self.position, _CHUNK)
        self.position += len(data)
        return data

    def _inflate(self, data: bytes, limit: int) -> bytes:
        try:
            return bytes(self.state.decompress(data, limit))
        except zlib.error as error:
            raise ValueError(f"damaged: {error}") from error


class SeekableBytes(io.RawIOBase):
    """Bytes as a file object, for libraries that want one."""

    def __init__(self, source: Bytes) -> None:
        super().__init__()
        self._source = source
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._source.size}[whence]
        if origin + offset < 0:
            raise OSError("an offset before the start")
        self._position = origin + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readall(self) -> bytes:
        return self._read(max(0, self._source.size - self._position))

    def readinto(self, buffer: Any) -> int:
        data = self._read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _read(self, count: int) -> bytes:
        data = self._source.read_at(self._position, count)
        self._position += len(data)
        return data
