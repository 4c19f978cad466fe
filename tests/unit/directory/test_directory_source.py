"""The data source ``directory``: layouts, splits, label files, and what is refused with which message."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from cnnforge import LabelledImages
from cnnforge.errors import DataError
from cnnforge_directory import DirectoryOptions
from cnnforge_directory.source import open_source


def make(path: Path, names: Iterable[str]) -> Path:
    """Write files that contain their own names; a name that ends in ``/`` is an empty folder."""
    path.mkdir(parents=True, exist_ok=True)
    for name in names:
        file = path / name
        if name.endswith("/"):
            file.mkdir(parents=True, exist_ok=True)
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(name, encoding="utf-8")
    return path


def make_zip(path: Path, names: Iterable[str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "" if name.endswith("/") else name)
    return path


def open_path(path: Path, **options: Any) -> LabelledImages:
    images = open_source(DirectoryOptions(path=path, **options))
    assert images.problems() == []
    return images


def table(images: LabelledImages) -> dict[str, str]:
    """Return ``class`` or ``split:class`` of each image, by name."""
    splits = images.splits or [""] * len(images)
    return {
        name: f"{split}:{images.class_names[label]}" if split else images.class_names[label]
        for name, label, split in zip(images.names, images.labels, splits, strict=True)
    }


LAYOUTS: dict[str, tuple[list[str], dict[str, str]]] = {
    "class folders": (
        ["cat/1.jpg", "cat/2.jpg", "dog/1.jpg"],
        {"cat/1.jpg": "cat", "cat/2.jpg": "cat", "dog/1.jpg": "dog"},
    ),
    "three classes, natural order": (
        ["class10/1.jpg", "class2/1.jpg", "class1/1.jpg"],
        {"class1/1.jpg": "class1", "class2/1.jpg": "class2", "class10/1.jpg": "class10"},
    ),
    "a wrapping folder": (["flowers/rose/1.jpg", "flowers/tulip/1.jpg"], {
        "flowers/rose/1.jpg": "rose", "flowers/tulip/1.jpg": "tulip"}),
    "two wrapping folders and a licence beside": (
        ["a/readme.txt", "a/b/rose/1.jpg", "a/b/tulip/1.jpg"],
        {"a/b/rose/1.jpg": "rose", "a/b/tulip/1.jpg": "tulip"},
    ),
    "folders inside classes (DIR08)": (
        ["cat/indoor/old/1.jpg", "cat/2.jpg", "dog/x/1.jpg"],
        {"cat/2.jpg": "cat", "cat/indoor/old/1.jpg": "cat", "dog/x/1.jpg": "dog"},
    ),
    "hidden folders are no classes (DIR09)": (
        ["cat/1.jpg", "dog/1.jpg", ".git/1.jpg", "__MACOSX/cat/1.jpg"],
        {"cat/1.jpg": "cat", "dog/1.jpg": "dog"},
    ),
    "train and test": (
        ["train/cat/1.jpg", "train/dog/1.jpg", "test/cat/1.jpg", "test/dog/1.jpg"],
        {"test/cat/1.jpg": "test:cat", "test/dog/1.jpg": "test:dog",
         "train/cat/1.jpg": "train:cat", "train/dog/1.jpg": "train:dog"},
    ),
    "Training, VALID and testing, wrapped": (
        [f"d/{split}/{name}/1.jpg" for split in ("Training", "VALID", "testing") for name in ("a", "b")],
        {f"d/{folder}/{name}/1.jpg": f"{split}:{name}"
         for folder, split in (("Training", "train"), ("VALID", "validation"), ("testing", "test"))
         for name in ("a", "b")},
    ),
    "only train": (
        ["train/cat/1.jpg", "train/dog/1.jpg"], {"train/cat/1.jpg": "cat", "train/dog/1.jpg": "dog"}
    ),
    "only train, and a folder without images": (
        ["train/cat/1.jpg", "train/dog/1.jpg", "annotations/1.xml"],
        {"train/cat/1.jpg": "cat", "train/dog/1.jpg": "dog"},
    ),
    "splits, and a folder without images": (
        ["train/a/1.jpg", "train/b/1.jpg", "val/a/1.jpg", "val/b/1.jpg", "annotations/1.xml"],
        {"train/a/1.jpg": "train:a", "train/b/1.jpg": "train:b",
         "val/a/1.jpg": "validation:a", "val/b/1.jpg": "validation:b"},
    ),
    "a class that is called train": (
        ["train/1.jpg", "car/1.jpg", "bus/1.jpg"], {"bus/1.jpg": "bus", "car/1.jpg": "car", "train/1.jpg": "train"}
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["folder", "zip"])
@pytest.mark.parametrize(("names", "expected"), LAYOUTS.values(), ids=LAYOUTS)
def test_layout_is_understood(tmp_path: Path, names: list[str], expected: dict[str, str], kind: str) -> None:
    path = make(tmp_path / "data", names) if kind == "folder" else make_zip(tmp_path / "data.zip", names)
    images = open_path(path)
    assert table(images) == expected
    assert (images.splits is None) == all(":" not in value for value in expected.values())
    read = pickle.loads(pickle.dumps(images.read))
    assert [read(i) for i in range(len(images))] == [name.encode() for name in images.names]
    assert len(set(images.signatures or ())) > 0
    assert images.location == str(path)


LAYOUT = "Expected layout"
REFUSED: dict[str, tuple[list[str], dict[str, Any], list[str]]] = {
    "DIR01 empty class": (["cat/1.jpg", "dog/", "emu/notes.txt"], {}, ["received none in: dog, emu", "data.classes"]),
    "DIR01 empty class in one split": (
        ["train/cat/1.jpg", "train/dog/1.jpg", "test/cat/1.jpg", "test/dog/"], {}, ["received none in: test/dog"]),
    "DIR03 empty folder": ([], {}, ["received none (found: nothing)", LAYOUT]),
    "DIR03 no images": (["a/1.txt", "b/2.txt"], {}, ["2 × a .txt file is no photograph", LAYOUT]),
    "DIR03 flat folder": (["cat.1.jpg", "dog.1.jpg"], {}, ["received 2 images in no folder", LAYOUT, "data.labels"]),
    "DIR04 missing class": (
        ["train/a/1.jpg", "train/b/1.jpg", "val/a/1.jpg"], {}, ["validation lacks 'b'"]),
    "DIR04 extra class": (
        ["train/a/1.jpg", "train/b/1.jpg", "val/a/1.jpg", "val/b/1.jpg", "val/c/1.jpg"], {},
        ["validation has 'c', which train lacks"]),
    "DIR04 letter case": (
        ["train/Cat/1.jpg", "train/dog/1.jpg", "test/cat/1.jpg", "test/dog/1.jpg"], {},
        ["test spells 'cat' what train spells 'Cat'"]),
    "no train": (["val/a/1.jpg", "val/b/1.jpg", "test/a/1.jpg", "test/b/1.jpg"], {}, ["expected a train split"]),
    "unlabelled test split": (
        ["train/a/1.jpg", "train/b/1.jpg", "test/1.jpg"], {},
        ["expected class folders in folders named", "received: test, train"]),
    "flat splits": (["train/cat.1.jpg", "test1/1.jpg"], {}, ["received: test1, train", LAYOUT]),
    "splits and others": (
        ["train/a/1.jpg", "test/a/1.jpg", "extra/1.jpg"], {}, ["split folders or class folders, received both"]),
    "one split twice": (
        ["train/a/1.jpg", "train/b/1.jpg", "val/a/1.jpg", "valid/a/1.jpg"], {}, ["received several for validation"]),
    "unknown class": (["cat/1.jpg", "dog/1.jpg"], {"classes": ("cat", "dgo")}, ["received 'dgo'. Did you mean 'dog'?"]),
    "binary with three": (
        ["a/1.jpg", "b/1.jpg", "c/1.jpg"], {"class_mode": "binary"},
        ["exactly two classes", "received 3: 'a', 'b', 'c'"]),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["folder", "zip"])
@pytest.mark.parametrize(("names", "options", "expected"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_trained_on_is_refused(
    tmp_path: Path, names: list[str], options: dict[str, Any], expected: list[str], kind: str
) -> None:
    path = make(tmp_path / "data", names) if kind == "folder" else make_zip(tmp_path / "data.zip", names)
    with pytest.raises(DataError) as caught:
        open_path(path, **options)
    text = f"{caught.value}\n{caught.value.hint}"
    for part in expected:
        assert part in text


def test_classes_that_differ_in_letter_case_only_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="more than letter case, received 'Cat' and 'cat'"):
        open_path(make_zip(tmp_path / "data.zip", ["Cat/1.jpg", "cat/2.jpg", "dog/1.jpg"]))


def test_no_path_is_refused_with_the_option_to_give() -> None:
    with pytest.raises(DataError, match="received no path") as caught:
        open_source(DirectoryOptions())
    assert "--data" in str(caught.value.hint)


@pytest.mark.parametrize(("name", "message"), [("missing", "does not exist"), ("file.jpg", "a plain file")])
def test_a_path_that_is_no_folder_is_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "file.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(DataError, match=message):
        open_path(tmp_path / name)


def test_a_folder_of_links_only_is_refused_with_the_option_that_follows_them(tmp_path: Path) -> None:
    make(tmp_path / "real", ["cat/1.jpg", "dog/1.jpg"])
    linked = make(tmp_path / "linked", [])
    for name in ("cat", "dog"):
        (linked / name).symlink_to(tmp_path / "real" / name)
    with pytest.raises(DataError) as caught:
        open_path(linked)
    assert "data.follow_links=true" in str(caught.value.hint)
    assert table(open_path(linked, follow_links=True)) == {"cat/1.jpg": "cat", "dog/1.jpg": "dog"}


def test_chosen_classes_keep_the_order_given_and_others_do_no_harm(tmp_path: Path) -> None:
    make(tmp_path, ["a/1.jpg", "b/1.jpg", "c/1.jpg", "empty/"])
    images = open_path(tmp_path, classes=("c", "a"), class_mode="binary")
    assert images.class_names == ["c", "a"]
    assert table(images) == {"a/1.jpg": "a", "c/1.jpg": "c"}


def test_images_beside_class_folders_are_left_out_by_name(tmp_path: Path) -> None:
    images = open_path(make(tmp_path, ["cat/1.jpg", "dog/1.jpg", "cover.jpg", "notes.txt"]))
    assert {left.name: left.reason for left in images.left_out} == {
        "cover.jpg": "belongs to no class",
        "notes.txt": "a .txt file is no photograph",
    }


def test_a_file_called_like_a_class_is_not_of_it(tmp_path: Path) -> None:
    images = open_path(make_zip(tmp_path / "a.zip", ["cat/1.jpg", "dog/1.jpg", "x/2.jpg", "x.jpg"]))
    assert "x.jpg" not in images.names


class TestLabelFile:
    @pytest.fixture
    def data(self, tmp_path: Path) -> Path:
        return make(tmp_path / "data", ["1.jpg", "2.jpg", "deep/3.jpg", "deep/4.jpg"])

    def write(self, data: Path, text: str) -> Path:
        path = data.parent / "labels.csv"
        path.write_text(text, encoding="utf-8")
        return path

    def test_labels_and_splits_come_from_the_file(self, data: Path) -> None:
        labels = self.write(
            data,
            "\ufeffname,label,split\n1.jpg,cat,train\n2.jpg, dog,Training\ndeep/3.jpg,cat,val\ndeep/4.jpg,dog,val\n",
        )
        assert table(open_path(data, labels=labels)) == {
            "1.jpg": "train:cat", "2.jpg": "train:dog", "deep/3.jpg": "validation:cat", "deep/4.jpg": "validation:dog",
        }  # fmt: skip

    def test_files_without_a_label_are_left_out_by_name(self, data: Path) -> None:
        images = open_path(data, labels=self.write(data, 'label,name\ncat,1.jpg\n"a, dog",deep/4.jpg\n'))
        assert table(images) == {"1.jpg": "cat", "deep/4.jpg": "a, dog"}
        assert images.splits is None
        assert [left.name for left in images.left_out] == ["2.jpg", "deep/3.jpg"]

    def test_classes_may_be_chosen(self, data: Path) -> None:
        labels = self.write(data, "name,label\n1.jpg,cat\n2.jpg,dog\ndeep/3.jpg,emu\n")
        assert table(open_path(data, labels=labels, classes=("emu", "cat"))) == {"1.jpg": "cat", "deep/3.jpg": "emu"}

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("name,label\n1.jpg,cat\nx.jpg,dog\n", "line 3: expected a file in"),
            ("name,label\n1.jpg,cat\n../secret.jpg,dog\n", "name='../secret.jpg': no such file"),
            ("name,label\n1.jpg,cat\n2.jpg,dog\n1.jpg,dog\n", "line 4: name='1.jpg' stands on line 2 already"),
            ("name,labels\n1.jpg,cat\n", "received name, labels. Did you mean 'label'?"),
            ("name,label,weight\n1.jpg,cat,1\n", "received name, label, weight"),
            ("name\n1.jpg\n", "expected the columns name, label"),
            ("name,label,label\n1.jpg,cat,cat\n", "expected the columns name, label"),
            ("", "received none"),
            ("name,label\n1.jpg\n", "line 2: expected one value for each column"),
            ("name,label\n1.jpg,cat,dog\n", "line 2: expected one value for each column"),
            ("name,label\n1.jpg,\n", "line 2: expected a name and a label"),
            ("name,label,split\n1.jpg,cat,fold_0\n", "line 2: expected split train, validation or test"),
            ("name,label,split\n1.jpg,cat,train\n2.jpg,dog,\n", "expected a split for every image"),
            ('name,label\n"1.jpg,cat\n', "cannot read the label file"),
            ("name,label,split\n1.jpg,cat,train\n2.jpg,dog,train\ndeep/3.jpg,Cat,test\n", "test spells 'Cat'"),
        ],
    )
    def test_what_does_not_fit_is_refused_with_its_line(self, data: Path, text: str, expected: str) -> None:
        with pytest.raises(DataError) as caught:
            open_path(data, labels=self.write(data, text))
        assert expected in str(caught.value)

    def test_a_file_that_was_left_out_is_named_with_its_reason(self, data: Path) -> None:
        make(data, ["Thumbs.db"])
        with pytest.raises(DataError, match=r"'Thumbs.db': left by the operating system"):
            open_path(data, labels=self.write(data, "name,label\nThumbs.db,cat\n"))

    def test_a_label_file_that_is_missing_or_no_text_is_refused(self, data: Path) -> None:
        with pytest.raises(DataError, match="cannot read the label file"):
            open_path(data, labels=data / "missing.csv")
        (data.parent / "binary.csv").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(DataError, match="cannot read the label file"):
            open_path(data, labels=data.parent / "binary.csv")

    def test_many_wrong_lines_are_counted(self, data: Path) -> None:
        text = "name,label\n" + "".join(f"x{i}.jpg,cat\n" for i in range(9))
        with pytest.raises(DataError, match="and 4 more"):
            open_path(data, labels=self.write(data, text))


@pytest.mark.photographs
def test_the_real_archive_has_its_two_classes(photographs: Path) -> None:
    images = open_path(photographs / "kagglecatsanddogs_180px.zip")
    assert images.class_names == ["Cat", "Dog"]
    assert len(images) == 20_001
    assert len(images.left_out) == 2
