"""Images in Parquet: the contract of data sources, Hugging Face's layout, and mistakes in words."""

from __future__ import annotations

import json
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cnnforge_parquet import DATA_SOURCE, ParquetOptions
from cnnforge_parquet.source import open_source

from cnnforge.errors import DataError
from cnnforge.testing import DataSourceContract


def files_of(tiny_images: Path) -> list[Path]:
    return sorted(tiny_images.rglob("*.png"))


def write_shard(
    path: Path,
    files: Sequence[Path],
    labels: Sequence[Any],
    *,
    row_group: int = 5,
    names: Sequence[str] = (),
    **more: Any,
) -> Path:
    """Write images as Hugging Face's ``datasets`` does: a struct of bytes and path, labels as numbers with names."""
    images = [{"bytes": file.read_bytes(), "path": file.name} for file in files]
    table = pa.table({"image": images, "label": labels, **more})
    if names:
        noted = {"info": {"features": {"label": {"names": list(names), "_type": "ClassLabel"}}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(noted)})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=row_group)
    return path


@pytest.fixture
def shards(tiny_images: Path, tmp_path: Path) -> Path:
    """A folder as it is published: splits in the names of the shards, class names in the metadata."""
    files, folder = files_of(tiny_images), tmp_path / "data"
    names = ["blue", "green", "red"]
    labels = [names.index(file.parent.name) for file in files]
    for split, start, step in (("train-00000-of-00002", 0, 4), ("train-00001-of-00002", 1, 4), ("test-00000", 2, 4)):
        part = slice(start, None, step)
        write_shard(folder / f"{split}.parquet", files[part], labels[part], names=names)
    return folder


class TestParquet(DataSourceContract):
    spec = DATA_SOURCE

    @pytest.fixture(autouse=True)
    def _shards(self, shards: Path) -> None:
        self.shards = shards

    def options(self, tiny_images: Path) -> dict[str, Any]:
        return {"path": str(self.shards)}


def test_names_labels_splits_and_images_are_those_of_the_shards(shards: Path, tiny_images: Path) -> None:
    images = open_source(ParquetOptions(path=shards))
    files = files_of(tiny_images)
    assert images.class_names == ["blue", "green", "red"]
    assert images.splits is not None
    assert images.splits.count("test") == 9
    row = images.names.index("train-00001-of-00002.parquet/3")
    assert images.read(row) == files[1 + 3 * 4].read_bytes()
    assert images.class_names[images.labels[row]] == files[1 + 3 * 4].parent.name


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (["flowers-train-0", "flowers-test-0"], {"train", "test"}),
        (["train/0000", "eval/0000"], {"train", "validation"}),
        (["TrainSet_1", "hold-out"], {"train", "test"}),
        (["part-0", "part-1"], None),
    ],
)
def test_splits_in_names_are_read_as_people_write_them(
    tiny_images: Path, tmp_path: Path, names: list[str], splits: set[str] | None
) -> None:
    for name in names:
        write_shard(tmp_path / f"{name}.parquet", files_of(tiny_images)[:4], ["a", "b", "a", "b"])
    found = open_source(ParquetOptions(path=tmp_path)).splits
    assert (None if found is None else set(found)) == splits


def test_shards_of_which_some_have_a_split_are_refused(tiny_images: Path, tmp_path: Path) -> None:
    for name in ("train-0", "test-0", "extra-0"):
        write_shard(tmp_path / f"{name}.parquet", files_of(tiny_images)[:4], ["a", "b", "a", "b"])
    with pytest.raises(DataError, match="received extra-0, test-0, train-0"):
        open_source(ParquetOptions(path=tmp_path))


def test_labels_that_look_alike_are_one_class_or_refused(tiny_images: Path, tmp_path: Path) -> None:
    files = files_of(tiny_images)[:4]
    path = write_shard(tmp_path / "one.parquet", files, ["caf\u00e9", "cafe\u0301", " caf\u00e9\u200b", "dog"])
    assert open_source(ParquetOptions(path=path)).class_names == ["caf\u00e9", "dog"]
    path = write_shard(tmp_path / "two.parquet", files, ["1", "1.0", "2", "2"])
    with pytest.raises(DataError, match=r"how a number is written, received '1' and '1\.0'"):
        open_source(ParquetOptions(path=path))


def test_any_order_of_reading_gives_the_same_bytes(shards: Path) -> None:
    images = open_source(ParquetOptions(path=shards))
    in_order = [images.read(index) for index in range(len(images))]
    order = np.random.default_rng(0).permutation(len(images)).tolist()
    sent = pickle.loads(pickle.dumps(images.read))
    assert [sent(index) for index in order] == [in_order[index] for index in order]


def test_a_large_row_group_is_passed_through_in_pieces(tiny_images: Path, tmp_path: Path) -> None:
    files = files_of(tiny_images) * 10
    path = write_shard(tmp_path / "all.parquet", files, [file.parent.name for file in files], row_group=len(files))
    images = open_source(ParquetOptions(path=path))
    assert images.read(300) == files[300].read_bytes()
    assert images.read(17) == files[17].read_bytes()
    assert images.splits is None


def test_plain_bytes_and_a_column_of_splits(tiny_images: Path, tmp_path: Path) -> None:
    files = files_of(tiny_images)
    table = pa.table(
        {
            "picture": [file.read_bytes() for file in files],
            "kind": pa.array([file.parent.name for file in files]).dictionary_encode(),
            "part": ["train", "valid", "test"] * 12,
        }
    )
    pq.write_table(table, tmp_path / "one.parquet")
    options = ParquetOptions(path=tmp_path / "one.parquet", image="picture", label="kind", split="part")
    images = open_source(options)
    assert images.splits == ["train", "validation", "test"] * 12
    assert images.read(4) == files[4].read_bytes()


def test_rows_without_label_are_left_out_and_without_image_unreadable(tiny_images: Path, tmp_path: Path) -> None:
    files = files_of(tiny_images)[:6]
    images = [{"bytes": file.read_bytes(), "path": None} for file in files]
    images[3] = None
    pq.write_table(pa.table({"image": images, "label": [0, 1, -1, 1, None, 0]}), tmp_path / "one.parquet")
    opened = open_source(ParquetOptions(path=tmp_path / "one.parquet", classes=("cat", "dog")))
    assert opened.class_names == ["cat", "dog"]
    assert [left.name for left in opened.left_out] == ["one.parquet/2", "one.parquet/4"]
    assert opened.names == [f"one.parquet/{row}" for row in (0, 1, 3, 5)]
    with pytest.raises(ValueError, match="no image"):
        opened.read(2)
    assert opened.read(3) == files[5].read_bytes()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"label": "lable"}, "expected a column 'lable'.*received image, label"),
        ({"image": "label"}, "expected a column of images.*received label: int64"),
        ({"image": "img"}, "expected a column of images.*received image, label"),
        ({"split": "label"}, "row 0: expected split train, validation or test, received 0"),
        ({"classes": ("blue",)}, "expected labels from 0 to 0 for 1 classes, received 2"),
        ({"label": "image"}, "expected labels that are names or numbers"),
    ],
)
def test_mistakes_are_refused_in_words(options: dict[str, Any], words: str, shards: Path) -> None:
    with pytest.raises(DataError, match=words):
        open_source(ParquetOptions(path=shards, **options))


def test_what_is_no_parquet_is_named(tmp_path: Path) -> None:
    (tmp_path / "train.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(DataError, match=r"cannot read .*train\.parquet as Parquet"):
        open_source(ParquetOptions(path=tmp_path))
    with pytest.raises(DataError, match="a folder without any"):
        (tmp_path / "train.parquet").unlink()
        open_source(ParquetOptions(path=tmp_path))


def test_a_run_trains_on_shards(shards: Path, tmp_path: Path, cli: Any) -> None:
    changes = [
        "data.source=parquet",
        "data.image_size=[32,32]",
        "architecture.filters=[4]",
        "architecture.dense_units=4",
    ]
    changes += ["training.epochs=1", "training.precision=float32", "data.store=off", "training.batch_size=4"]
    settings = [part for change in changes for part in ("--set", change)]
    result = cli("run", "directory-cnn", "--data", str(shards), "--runs-dir", str(tmp_path / "runs"), *settings)
    assert result.code == 0, result.out + result.err
    data = next(line for line in result.out.splitlines() if line.startswith("Data"))
    assert data.startswith("Data     27 images of 3 classes"), data
    assert "test 9" in data, data
