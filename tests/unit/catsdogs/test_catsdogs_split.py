"""Training and testing folders written from labelled images."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnforge import LabelledImages
from cnnforge.data.decoding import DecodeSettings
from cnnforge.data.preparing import build_manifest
from cnnforge.data.scanning import scan
from cnnforge.errors import DataError, RecipeError, StorageError
from cnnforge.recipe.schema import DataSection
from cnnforge_catsdogs.split_folders import SplitFolders, write_split_folders

SETTINGS = DataSection(source="any", validation_fraction=0, test_fraction=0.25, max_unreadable=0.5)


def encoded(number: int, image_format: str = "JPEG") -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 255, (8, 8, 3), np.uint8)
    Image.fromarray(pixels).save(buffer, image_format)
    return buffer.getvalue()


def labelled(contents: dict[str, bytes | np.ndarray], **changes: object) -> LabelledImages:
    """Return images whose class is the first part of their names."""
    classes = sorted({name.partition("/")[0] for name in contents})
    values = {
        "class_names": classes,
        "names": list(contents),
        "labels": [classes.index(name.partition("/")[0]) for name in contents],
        "read": list(contents.values()).__getitem__,
    }
    return LabelledImages(**{**values, **changes})  # type: ignore[arg-type]


def many(num: int = 40) -> dict[str, bytes | np.ndarray]:
    return {f"{name}/{i}.jpg": encoded(i + 1000 * (name == "dog")) for name in ("cat", "dog") for i in range(num)}


def write(images: LabelledImages, target: Path, settings: DataSection = SETTINGS, **options: Path) -> SplitFolders:
    manifest = build_manifest(images, scan(images, DecodeSettings(8, 8), "off", lambda done, total: None), settings)
    return write_split_folders(images, manifest, target, lambda done, total: None, **options)


def tree(path: Path) -> dict[str, bytes]:
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def test_every_image_is_in_one_folder_and_each_class_in_both(tmp_path: Path) -> None:
    images = many()
    written = write(labelled(images), tmp_path / "out")
    found = tree(tmp_path / "out")
    assert sorted(found.values()) == sorted(images.values())
    assert {name.rpartition("/")[0] for name in found} == {
        "training/cat", "training/dog", "testing/cat", "testing/dog"
    }  # fmt: skip
    assert sum(written.counts.values()) == 80
    assert 8 <= sum(count for (folder, _), count in written.counts.items() if folder == "testing") <= 32
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(("method", "most"), [("threshold", 0), ("count", 8)])
def test_more_images_leave_most_of_the_others_where_they_are(tmp_path: Path, method: str, most: int) -> None:
    few, more = many(), many() | {f"cat/{i}.jpg": encoded(i + 5000) for i in range(100, 140)}
    settings = SETTINGS.model_copy(update={"split_method": method})
    write(labelled(few), tmp_path / "few", settings)
    write(labelled(more), tmp_path / "more", settings)
    assert len(tree(tmp_path / "few").keys() - tree(tmp_path / "more").keys()) <= most


def test_fixed_splits_are_kept_and_validation_has_its_folder(tmp_path: Path) -> None:
    contents = {f"{name}/{i}.jpg": encoded(i + 10 * (name == "b")) for name in "ab" for i in range(3)}
    write(labelled(contents, splits=["train", "validation", "test"] * 2), tmp_path / "out")
    assert sorted(tree(tmp_path / "out")) == [
        f"{folder}/{name}/{i}.jpg"
        for i, folder in sorted(enumerate(("training", "validation", "testing")), key=lambda pair: pair[1])
        for name in "ab"
    ]


def test_names_stay_unique_and_extensions_follow_the_content(tmp_path: Path) -> None:
    contents: dict[str, bytes | np.ndarray] = {
        "cat/a/1.jpg": encoded(1),
        "cat/b/1.JPG": encoded(2),
        "cat/b/1-2.jpg": encoded(3),
        "cat/c/1.jpeg": encoded(4),
        "cat/photo.jpg": encoded(5, "PNG"),
        "cat/drawn": np.zeros((4, 4, 3), np.uint8),
        "cat/what? is:this.jpg": encoded(6, "WEBP"),
        f"cat/{'é' * 140}.jpg": encoded(7),
        "dog/1.jpg": encoded(8),
        "dog/2.bmp": encoded(9, "BMP"),
        "dog/3": encoded(10, "GIF"),
    }
    write(labelled(contents), tmp_path / "out", DataSection(source="any", validation_fraction=0, test_fraction=0))
    expected = {
        "cat": ["1.jpg", "1-2.jpg", "1-2-2.jpg", "1-3.jpg", "photo.png", "drawn.png", "what_ is_this.webp"],
        "dog": ["1.jpg", "2.bmp", "3.gif"],
    }
    expected["cat"].append(f"{'é' * 100}.jpg")
    assert {name: sorted(tree(tmp_path / "out/training" / name)) for name in expected} == {
        name: sorted(names) for name, names in expected.items()
    }


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    contents = {**many(), "cat/empty.jpg": b"", "dog/web.jpg": b"<html>", "dog/cut.jpg": encoded(3)[:-200]}
    write(labelled(contents), tmp_path / "out")
    assert len(tree(tmp_path / "out")) == 80


def test_a_photograph_in_two_classes_is_in_no_folder(tmp_path: Path) -> None:
    write(labelled({**many(), "cat/twice.jpg": encoded(9999), "dog/twice.jpg": encoded(9999)}), tmp_path / "out")
    assert not [name for name in tree(tmp_path / "out") if "twice" in name]


def test_originals_are_linked_and_left_alone(tmp_path: Path) -> None:
    contents = many(5)
    for name, content in contents.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(bytes(content))
    before = tree(tmp_path / "in")
    written = write(labelled(contents), tmp_path / "out", originals=tmp_path / "in")
    assert written.num_links == 10
    assert all(path.stat().st_nlink == 2 and not path.is_symlink() for path in (tmp_path / "out").rglob("*.jpg"))
    assert tree(tmp_path / "in") == before


def test_originals_that_cannot_be_linked_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    written = write(labelled(many(5)), tmp_path / "out", originals=tmp_path)
    assert written.num_links == 0
    assert len(tree(tmp_path / "out")) == 10


def test_an_empty_target_is_used_and_any_other_refused(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write(labelled(many(5)), tmp_path / "out")
    before = tree(tmp_path)
    with pytest.raises(RecipeError, match="expected a new or empty folder"):
        write(labelled(many(5)), tmp_path / "out")
    (tmp_path / "file").touch()
    with pytest.raises(RecipeError, match="expected a new or empty folder"):
        write(labelled(many(5)), tmp_path / "file")
    (tmp_path / "file").unlink()
    assert tree(tmp_path) == before


def test_nothing_is_left_when_it_cannot_be_finished(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="at least 2 different images of class 'dog'"):
        write(labelled(dict(list(many(5).items())[:6])), tmp_path / "out")  # a single dog
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_a_storage_error_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageError, match="No space left on device"):
        write(labelled(many(5)), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../evil", "a/b", "..", "a\\b", ".hidden", "a:b", "", "new\nline", "trailing."])
def test_a_class_name_that_no_folder_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="names of folders"):
        write(labelled(many(5), class_names=["cat", name]), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
