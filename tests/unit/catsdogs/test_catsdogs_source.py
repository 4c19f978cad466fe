"""The data source ``catsdogs`` on small archives and folders of each shape."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import cnnforge
from cnnforge.errors import DataError
from cnnforge_catsdogs import CatsDogsOptions
from cnnforge_catsdogs.download import downloaded_path
from cnnforge_catsdogs.source import open_source

MICROSOFT = {
    "PetImages/Cat/0.jpg": b"first cat",
    "PetImages/Cat/10.jpg": b"",
    "PetImages/Cat/2.jpg": b"second cat",
    "PetImages/Cat/Thumbs.db": b"litter",
    "PetImages/Dog/0.jpg": b"first dog",
    "readme[1].txt": b"about",
}
KAGGLE = {"train/cat.0.jpg": b"first cat", "train/cat.1.jpg": b"second cat", "train/dog.0.jpg": b"first dog"}

Maker = Callable[[Path, dict[str, bytes]], Path]


@pytest.fixture(autouse=True)
def nothing_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNNFORGE_DATA_DIR", str(tmp_path / "data"))


def zipped(contents: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def make_zip(place: Path, contents: dict[str, bytes]) -> Path:
    path = place / "photographs.zip"
    path.write_bytes(zipped(contents))
    return path


def make_folder(place: Path, contents: dict[str, bytes]) -> Path:
    path = place / "photographs"
    for name, content in contents.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def opened(path: Path) -> cnnforge.LabelledImages:
    images = open_source(CatsDogsOptions(path=path))
    assert images.problems() == []
    assert images.class_names == ("cat", "dog")
    return images


def contents(images: cnnforge.LabelledImages) -> dict[str, tuple[int, object]]:
    read = pickle.loads(pickle.dumps(images.read))
    return {name: (images.labels[i], read(i)) for i, name in enumerate(images.names)}


@pytest.mark.parametrize("make", [make_zip, make_folder])
def test_microsofts_shape(tmp_path: Path, make: Maker) -> None:
    images = opened(make(tmp_path, MICROSOFT))
    assert contents(images) == {
        "PetImages/Cat/0.jpg": (0, b"first cat"),
        "PetImages/Cat/2.jpg": (0, b"second cat"),
        "PetImages/Cat/10.jpg": (0, b""),
        "PetImages/Dog/0.jpg": (1, b"first dog"),
    }
    assert {left.name for left in images.left_out} == {"PetImages/Cat/Thumbs.db", "readme[1].txt"}


@pytest.mark.parametrize("make", [make_zip, make_folder])
def test_kaggles_shape(tmp_path: Path, make: Maker) -> None:
    images = opened(make(tmp_path, KAGGLE))
    assert contents(images) == {
        "train/cat.0.jpg": (0, b"first cat"),
        "train/cat.1.jpg": (0, b"second cat"),
        "train/dog.0.jpg": (1, b"first dog"),
    }


def test_kaggles_outer_archive_is_read_and_nothing_is_put_beside_it(tmp_path: Path) -> None:
    outer = {"train.zip": zipped(KAGGLE), "test1.zip": zipped({"test1/1.jpg": b"?"}), "sampleSubmission.csv": b"id"}
    images = opened(make_zip(tmp_path, outer))
    assert [(label, content) for label, content in contents(images).values()] == [
        (0, b"first cat"),
        (0, b"second cat"),
        (1, b"first dog"),
    ]
    unlabelled = [left for left in images.left_out if left.name.endswith("test1/1.jpg")]
    assert [left.reason for left in unlabelled] == ["neither cat nor dog by its name"]
    assert {path.name for path in tmp_path.iterdir()} == {"photographs.zip", "cache"}


@pytest.mark.parametrize(("shape", "below"), [(MICROSOFT, "PetImages"), (KAGGLE, "train")])
def test_the_folder_itself_or_the_one_above(tmp_path: Path, shape: dict[str, bytes], below: str) -> None:
    folder = make_folder(tmp_path, shape)
    above, itself = contents(opened(folder)), contents(opened(folder / below))
    assert itself == {name.removeprefix(f"{below}/"): found for name, found in above.items()}


@pytest.mark.parametrize("names", [("CAT", " dog"), ("cat\u00a0", "D\u200bog"), ("\uff23at", "DOG")])
@pytest.mark.parametrize("make", [make_zip, make_folder])
def test_classes_are_read_as_people_see_them(tmp_path: Path, make: Maker, names: tuple[str, str]) -> None:
    images = opened(make(tmp_path, {f"{name}/1.jpg": name.encode() for name in names}))
    assert sorted(images.labels) == [0, 1]


@pytest.mark.parametrize(("name", "label"), [("PetImages/Cat/1.jpg", 0), ("train/dog.1.jpg", 1)])
def test_one_of_the_classes_is_read_since_it_can_be_measured_on(tmp_path: Path, name: str, label: int) -> None:
    assert opened(make_folder(tmp_path, {name: b""})).labels == [label]


def test_signature_changes_with_the_content(tmp_path: Path) -> None:
    before = opened(make_zip(tmp_path, KAGGLE)).signatures
    after = opened(make_zip(tmp_path, {**KAGGLE, "train/dog.0.jpg": b"other dog"})).signatures
    assert before is not None
    assert after is not None
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, True, False]


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ({}, "expected PetImages/Cat/1.jpg.*with no photographs in it"),
        ({"rose/1.jpg": b"", "tulip/1.jpg": b""}, "expected PetImages/Cat/1.jpg.*2 files such as rose/1.jpg, tulip/1"),
        ({**MICROSOFT, "more/Cat/1.jpg": b"", "more/Dog/1.jpg": b""}, "with several: PetImages, more"),
        (
            {"train/cat.1.jpg": b"", "train/dog.1.jpg": b"", "val/cat.2.jpg": b"", "val/dog.2.jpg": b""},
            "with several: train, val",
        ),
    ],
)
def test_what_is_no_set_of_cats_and_dogs_is_an_error(tmp_path: Path, shape: dict[str, bytes], message: str) -> None:
    with pytest.raises(DataError, match=message):
        opened(make_zip(tmp_path, shape))


def test_other_classes_are_shown_the_way_to_the_directory_recipe(tmp_path: Path) -> None:
    path = make_zip(tmp_path, {"rose/1.jpg": b"", "tulip/1.jpg": b""})
    with pytest.raises(DataError) as caught:
        opened(path)
    assert f"cnnforge run directory-cnn --data {path}" in str(caught.value.hint)


def test_path_that_does_not_exist_is_an_error_even_with_a_drawn_sample(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        opened(tmp_path / "missing.zip")


def test_without_photographs_there_is_the_drawn_sample_which_says_so() -> None:
    images = open_source(CatsDogsOptions())
    assert images.problems() == []
    assert len(images) == 2000
    assert sum(images.labels) == 1000
    assert {images.names[i].partition(".")[0] for i in (0, 1)} == {"drawn/cat", "drawn/dog"}
    assert "drawings" in images.notice
    assert "cnnforge data download catsdogs" in images.notice


def test_downloaded_photographs_come_before_the_drawn_sample_and_after_a_path(tmp_path: Path) -> None:
    downloaded = downloaded_path()
    downloaded.parent.mkdir(parents=True)
    downloaded.write_bytes(zipped(MICROSOFT))
    assert open_source(CatsDogsOptions()).location == str(downloaded)
    assert open_source(CatsDogsOptions()).notice == ""
    assert len(opened(make_zip(tmp_path, KAGGLE))) == 3


def test_another_seed_is_another_drawn_sample() -> None:
    one, other = (open_source(CatsDogsOptions(drawn_seed=seed)) for seed in (1, 2))
    assert not set(one.signatures or ()) & set(other.signatures or ())
    assert (one.read(0) != other.read(0)).any()


@pytest.fixture
def photographs() -> Path:
    folder = os.environ.get("CNNFORGE_PHOTOGRAPHS")
    if not folder:
        pytest.skip("CNNFORGE_PHOTOGRAPHS names no folder of real photographs")
    return Path(folder)


@pytest.mark.photographs
@pytest.mark.parametrize(
    ("name", "num_cats", "num_dogs", "num_empty", "num_left_out"),
    [("kagglecatsanddogs_180px.zip", 10_000, 10_001, 2, 2), ("dogs-vs-cats_original_2000.zip", 1001, 1001, 0, 0)],
)
def test_real_archives(
    photographs: Path, name: str, num_cats: int, num_dogs: int, num_empty: int, num_left_out: int
) -> None:
    images = opened(photographs / name)
    assert [list(images.labels).count(label) for label in (0, 1)] == [num_cats, num_dogs]
    assert len(images.left_out) == num_left_out
    assert sum(not images.read(i) for i in range(len(images))) == num_empty
