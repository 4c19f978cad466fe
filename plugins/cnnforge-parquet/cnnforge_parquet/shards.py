"""Parquet shards: finding them, their columns, and reading one image of millions without loading the rest."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cnnforge import natural_key
from cnnforge.errors import DataError, did_you_mean

_BATCH_ROWS = 16  # images in memory at a time


def find_shards(path: Path) -> list[Path]:
    """Return a file as it is, or every ``*.parquet`` below a folder, in natural order.

    Raises:
        DataError: There is nothing there.
    """
    if path.is_file():
        return [path]
    found = sorted(path.rglob("*.parquet"), key=lambda shard: natural_key(shard.relative_to(path).as_posix()))
    if not found:
        what = "a folder without any" if path.is_dir() else "nothing there"
        raise DataError(f"expected a Parquet file or a folder of them, received path={path}: {what}")
    return found


def read_columns(shard: Path, columns: Sequence[str]) -> pa.Table:
    """Return some columns of one shard; ``name.field`` is a field of a struct.

    Raises:
        DataError: The file is damaged, is no Parquet, or lacks a column.
    """
    try:
        with pq.ParquetFile(shard, memory_map=True) as file:
            names = file.schema_arrow.names
            for column in columns:
                if column not in names:
                    raise DataError(
                        f"expected a column {column!r} in {shard}, received {', '.join(names)}."
                        f"{did_you_mean(column, names)}",
                        hint="name the columns: --set data.image=… --set data.label=…",
                    )
            return file.read(columns=list(columns))
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"cannot read {shard} as Parquet: {error}") from error


def read_schema(shard: Path) -> pa.Schema:
    """Return the columns of a shard and what is noted of them.

    Raises:
        DataError: The file is damaged or is no Parquet.
    """
    try:
        return pq.read_schema(shard)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"cannot read {shard} as Parquet: {error}") from error


class ImageReader:
    """Reads images by their number among those wanted; forward is fast, back begins the row group again.

    A file is mapped, not loaded, and a row group is passed through some images at a time, so memory stays flat
    however large both are. Each thread has a position of its own.

    Args:
        shards: The files.
        lengths: Rows of each.
        column: The column of images, bytes or a struct with a field ``bytes``.
        rows: The rows wanted, counted through all shards.
    """

    def __init__(self, shards: Sequence[Path], lengths: Sequence[int], column: str, rows: Sequence[int]) -> None:
        self._arguments = (shards, lengths, column, rows)
        self._starts = list(accumulate(lengths, initial=0))
        self._position = threading.local()

    def __reduce__(self) -> tuple[type[ImageReader], tuple[Any, ...]]:
        return type(self), self._arguments

    def __call__(self, index: int) -> bytes:
        """Return the bytes of an image file.

        Raises:
            ValueError: The row has no image, or is damaged.
        """
        shards, _, column, rows = self._arguments
        shard = bisect_right(self._starts, rows[index]) - 1
        content = self._rows_of(shards[shard], column).read(rows[index] - self._starts[shard])
        if content is None:
            raise ValueError("the row has no image")
        return content

    def _rows_of(self, shard: Path, column: str) -> _Rows:
        rows: _Rows | None = getattr(self._position, "rows", None)
        if rows is None or rows.shard != shard:
            rows = self._position.rows = _Rows(shard, column)
        return rows


class _Rows:
    """One open shard and a place in it."""

    def __init__(self, shard: Path, column: str) -> None:
        self.shard = shard
        self._file = pq.ParquetFile(shard, memory_map=True)
        groups = (self._file.metadata.row_group(i).num_rows for i in range(self._file.num_row_groups))
        self._starts = list(accumulate(groups, initial=0))
        is_struct = pa.types.is_struct(self._file.schema_arrow.field(column).type)
        self._column = f"{column}.bytes" if is_struct else column
        self._batches: Iterator[tuple[int, list[bytes | None]]] = iter(())
        self._group, self._first, self._batch = -1, 0, list[bytes | None]()

    def read(self, row: int) -> bytes | None:
        """Return what stands in a row of the shard."""
        group = bisect_right(self._starts, row) - 1
        if group != self._group or row < self._first:
            self._group, self._batches = group, self._batches_of(group)
            self._first, self._batch = self._starts[group], []
        while row >= self._first + len(self._batch):
            self._first, self._batch = next(self._batches)
        return self._batch[row - self._first]

    def _batches_of(self, group: int) -> Iterator[tuple[int, list[bytes | None]]]:
        first = self._starts[group]
        for batch in self._file.iter_batches(
            _BATCH_ROWS, row_groups=[group], columns=[self._column], use_threads=False
        ):
            values = batch.column(0)
            yield first, (values.field("bytes") if pa.types.is_struct(values.type) else values).to_pylist()
            first += len(values)
