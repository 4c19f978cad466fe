"""The data source ``parquet``: labels and splits from the columns, images read when they are needed."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

import cnnforge
from cnnforge import natural_key
from cnnforge.errors import DataError
from cnnforge.images import check_distinct, seen_name, split_words, splits_of_names
from cnnforge_parquet import ParquetOptions
from cnnforge_parquet.shards import ImageReader, find_shards, read_columns, read_schema


@dataclass(frozen=True, slots=True)
class _Row:
    """What the small columns say of one image."""

    name: str
    signature: str
    label: str | int | None
    split: str | None


def open_source(options: ParquetOptions) -> cnnforge.LabelledImages:
    """Return the images of a Parquet file or of a folder of shards.

    Rows without a label (null, or -1 as Hugging Face marks them) are left out.

    Raises:
        DataError: There is no such file, a column is missing or of the wrong kind, or labels and classes do not agree.
    """
    if options.path is None:
        raise DataError(
            "expected a Parquet file or a folder of them, received no path", hint="give it with --data PATH"
        )
    shards = find_shards(options.path)
    schema = read_schema(shards[0])
    _check_image_column(schema, shards[0], options.image)
    lengths, rows = [], []
    for shard, split in zip(shards, _splits_of_names(shards, options), strict=True):
        name = shard.name if shard == options.path else shard.relative_to(options.path).as_posix()
        found = list(_rows(shard, name, split, options))
        lengths.append(len(found))
        rows += found
    labelled = array("q", (i for i, row in enumerate(rows) if row.label is not None))
    class_names = _class_names([rows[i].label for i in labelled], _noted_names(schema, options.label), options)
    label_of = {name: label for label, name in enumerate(class_names)}
    return cnnforge.LabelledImages(
        class_names=class_names,
        names=[rows[i].name for i in labelled],
        labels=[label if isinstance(label := rows[i].label, int) else label_of[str(label)] for i in labelled],
        read=ImageReader(shards, lengths, options.image, labelled),
        splits=[str(rows[i].split) for i in labelled] if rows[0].split else None,
        signatures=[rows[i].signature for i in labelled],
        left_out=[cnnforge.LeftOut(row.name, "no label") for row in rows if row.label is None],
        location=str(options.path),
    )


def _check_image_column(schema: pa.Schema, shard: Path, column: str) -> None:
    kind = schema.field(column).type if column in schema.names else None
    if kind is not None and pa.types.is_struct(kind):
        kind = kind.field("bytes").type if kind.get_field_index("bytes") >= 0 else kind
    if kind is None or not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind)):
        what = f"{column}: {kind}" if kind is not None else ", ".join(schema.names)
        raise DataError(
            f"expected a column of images in {shard} (bytes, or a struct with a field 'bytes'), received {what}",
            hint="name the column: --set data.image=…",
        )


def _splits_of_names(shards: Sequence[Path], options: ParquetOptions) -> list[str | None]:
    """Return for each shard the split that its name or folder begins with; None where they do not fix any."""
    if options.split is not None:
        return [None] * len(shards)
    names = ([shard.stem for shard in shards], [shard.parent.name for shard in shards])
    for found in map(splits_of_names, names):
        if None not in found and len(set(found)) > 1:
            return found
    words = {split for stem in names[0] for split in split_words(stem)[0]}
    if len(words) > 1:
        raise DataError(
            f"expected shards that all say train, validation or test, or none, received {', '.join(names[0][:5])}",
            hint="rename them, give those of one split alone with --data, or name a column: --set data.split=…",
        )
    return [None] * len(shards)


def _rows(shard: Path, name: str, split: str | None, options: ParquetOptions) -> Iterator[_Row]:
    columns = [options.label] if options.split is None else [options.label, options.split]
    table = read_columns(shard, columns)
    labels = _labels(table.column(options.label), shard)
    splits = [split] * len(labels) if options.split is None else _splits(table.column(options.split), shard)
    facts = shard.stat()
    for row, (label, of) in enumerate(zip(labels, splits, strict=True)):
        yield _Row(f"{name}/{row}", f"{facts.st_size}-{facts.st_mtime_ns}-{row}", label, of)


def _labels(column: pa.ChunkedArray, shard: Path) -> list[str | int | None]:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return [None if value is None or value < 0 else int(value) for value in column.to_pylist()]
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return [seen_name(value or "") or None for value in column.to_pylist()]
    raise DataError(f"expected labels that are names or numbers in {shard}, received {column.type}")


def _splits(column: pa.ChunkedArray, shard: Path) -> list[str | None]:
    values = column.to_pylist()
    words = list(dict.fromkeys(values))
    split_of = dict(zip(words, splits_of_names(list(map(str, words))), strict=True))
    for row, value in enumerate(values):
        if not split_of[value]:
            raise DataError(f"{shard}, row {row}: expected split train, validation or test, received {value!r}")
    return [split_of[value] for value in values]


def _noted_names(schema: pa.Schema, label: str) -> list[str]:
    """Return the class names that Hugging Face's ``datasets`` notes in the file, if it does."""
    noted = (schema.metadata or {}).get(b"huggingface", b"{}")
    try:
        names = json.loads(noted)["info"]["features"][label]["names"]
    except (ValueError, LookupError, TypeError):
        return []
    return [str(name) for name in names] if isinstance(names, list) else []


def _class_names(labels: Sequence[str | int | None], noted: list[str], options: ParquetOptions) -> list[str]:
    """Return the names of the classes in the order of their labels."""
    if not labels:
        raise DataError(f"expected labels in {options.path}, received none", hint="name the column: --set data.label=…")
    found = set(labels)
    if all(isinstance(label, int) for label in found):
        count = max(label for label in found if isinstance(label, int)) + 1
        names = list(options.classes) or noted or [str(label) for label in range(count)]
        if count > len(names):
            raise DataError(
                f"expected labels from 0 to {len(names) - 1} for {len(names)} classes, received {count - 1}"
            )
        return names
    names = list(map(seen_name, options.classes)) or sorted(map(str, found), key=natural_key)
    check_distinct(names)
    if unknown := sorted(map(str, found - set(names))):
        raise DataError(f"expected labels among data.classes={names}, received {unknown[0]!r}")
    return names
