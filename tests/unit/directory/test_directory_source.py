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


def divided(split_of_folder: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """Return the names of two classes in each folder, and what they are to be read as."""
    expected = {
        f"{folder}/{name}/1.jpg": f"{split}:{name}" for folder, split in split_of_folder.items() for name in "ab"
    }
    return list(expected), expected


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
    "training_set/training_set (split_sets)": divided(
        {"training_set/training_set": "train", "test_set/test_set": "test"}),
    "train/train (split_doubled)": divided({"train/train": "train", "test/test": "test"}),
    "train_images (split_images)": divided(
        {"train_images": "train", "val_images": "validation", "test_images": "test"}),
    "a word of the data's own": divided({"flowers_train": "train", "flowers-test": "test"}),
    "camel case and no separator": divided({"TrainSet": "train", "valset": "validation", "TESTDATA": "test"}),
    "dev, held out": divided({"01_train": "train", "02 dev": "validation", "03-hold-out": "test"}),
    "training data, wrapped twice": divided(
        {"data/data/Training Data/images": "train", "data/data/evaluation": "validation"}),
    "held out, version and size": divided({"train_v2_resized": "train", "held out/held_out_raw": "test"}),
    "images beside labels": (
        [*divided({"images/train": "train", "images/val": "validation"})[0], "labels/train/1.txt", "labels/val/1.txt"],
        divided({"images/train": "train", "images/val": "validation"})[1],
    ),
    "images beside annotations": (
        ["Images/a/1.jpg", "Images/b/1.jpg", "Annotation/a/1.xml"], {"Images/a/1.jpg": "a", "Images/b/1.jpg": "b"}
    ),
    "another word inside": divided({"train/cats_train": "train", "test/cats_test": "test"}),
    "years": divided({"train2017": "train", "val2017": "validation"}),
    "invisible characters in splits": divided({"\u200btrain": "train", "test\u00a0": "test"}),
    "unlabelled photographs beside splits (split_seg)": (
        [*divided({"seg_train/seg_train": "train", "seg_test/seg_test": "test"})[0], "seg_pred/seg_pred/1.jpg"],
        divided({"seg_train/seg_train": "train", "seg_test/seg_test": "test"})[1],
    ),
    "splits in classes": (
        ["cat/train/1.jpg", "cat/test/1.jpg", "dog/train/1.jpg", "dog/test/1.jpg"],
        {"cat/test/1.jpg": "test:cat", "cat/train/1.jpg": "train:cat",
         "dog/test/1.jpg": "test:dog", "dog/train/1.jpg": "train:dog"},
    ),
    "a class that is called train, in splits": (
        [f"{split}/{name}/1.jpg" for split in ("train", "test") for name in ("bus", "car", "train")],
        {f"{split}/{name}/1.jpg": f"{split}:{name}" for split in ("test", "train") for name in ("bus", "car", "train")},
    ),
    "classes with a word for a split in their names": (
        ["freight_train/1.jpg", "passenger_train/1.jpg"],
        {"freight_train/1.jpg": "freight_train", "passenger_train/1.jpg": "passenger_train"},
    ),
    "one folder of one name in each class": (
        ["cat/images/1.jpg", "dog/images/1.jpg"], {"cat/images/1.jpg": "cat", "dog/images/1.jpg": "dog"}
    ),
    "Unicode forms (unicode_forms)": (
        ["caf\u00e9/1.jpg", "cafe\u0301/2.jpg", "bar/1.jpg"],
        {"bar/1.jpg": "bar", "cafe\u0301/2.jpg": "caf\u00e9", "caf\u00e9/1.jpg": "caf\u00e9"},
    ),
    "Unicode forms in splits (unicode_splits)": (
        ["train/caf\u00e9/1.jpg", "train/bar/1.jpg", "test/cafe\u0301/1.jpg", "test/bar/1.jpg"],
        {"test/bar/1.jpg": "test:bar", "test/cafe\u0301/1.jpg": "test:caf\u00e9",
         "train/bar/1.jpg": "train:bar", "train/caf\u00e9/1.jpg": "train:caf\u00e9"},
    ),
    "white space and invisible characters": (
        ["a b/1.jpg", "a  b/2.jpg", "\ufeffa\u00a0b /3.jpg", "c/1.jpg"],
        {"a  b/2.jpg": "a b", "a b/1.jpg": "a b", "c/1.jpg": "c", "\ufeffa\u00a0b /3.jpg": "a b"},
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
    "a split and others": (["train/a/1.jpg", "train/b/1.jpg", "sample/1.jpg"], {}, ["received both: sample, train"]),
    "one split twice": (
        ["train/a/1.jpg", "train/b/1.jpg", "val/a/1.jpg", "valid/a/1.jpg"], {}, ["received several for validation"]),
    "same folders in each": (
        ["alpha/cat/1.jpg", "alpha/dog/1.jpg", "beta/cat/1.jpg", "beta/dog/1.jpg"], {},
        ["received alpha, beta, which hold the same folders: cat, dog", "data.classes=[\"alpha\", \"beta\"]'"]),
    "most of the same folders": (
        ["a/x/1.jpg", "a/y/1.jpg", "b/x/1.jpg", "b/y/1.jpg", "b/z/1.jpg", "c/x/1.jpg"], {}, ["the same folders: x, y"]),
    "masks beside images": (
        ["images/train/1.jpg", "images/val/1.jpg", "masks/train/1.jpg", "masks/val/1.jpg"], {}, ["the same folders"]),
    "folds with classes": (
        ["fold_0/a/1.jpg", "fold_0/b/1.jpg", "fold_1/a/1.jpg", "fold_1/b/1.jpg"], {},
        ["numbered parts: fold_0, fold_1"]),
    "folds with splits": (
        [f"fold{n}/{split}/{name}/1.jpg" for n in (1, 2) for split in ("train", "test") for name in "ab"], {},
        ["numbered parts: fold1, fold2", "data.classes="]),
    "flat folds with splits": (
        [f"fold{n}/{split}/1.jpg" for n in (1, 2) for split in ("train", "test")], {},
        ["numbered parts: fold1, fold2"]),
    "sets of several sizes": (
        [f"{n}px/{split}/{name}/1.jpg" for n in (64, 224) for split in ("train", "test") for name in "ab"], {},
        ["hold the same folders: test, train"]),
    "flat folds": (["Fold1/1.jpg", "Fold2/1.jpg", "Fold3/1.jpg"], {}, ["numbered parts", "data.classes="]),
    "training-a to b": (
        ["training-a/x/1.jpg", "training-a/y/1.jpg", "training-b/x/1.jpg", "training-b/y/1.jpg"], {},
        ["the same folders"]),
    "a misspelt split": (
        ["trianing/x/1.jpg", "trianing/y/1.jpg", "test/x/1.jpg", "test/y/1.jpg"], {},
        ["received both: test, trianing"]),
    "parts": (["part-1/1.jpg", "part-2/1.jpg"], {}, ["numbered parts: part-1, part-2"]),
    "classes and splits in one name": (
        ["cat_train/1.jpg", "cat_test/1.jpg", "dog_train/1.jpg", "dog_test/1.jpg"], {}, ["train, validation or test"]),
    "two words for splits": (["train_test/a/1.jpg", "val/a/1.jpg"], {},
        ["train, validation or test, received: train_test, val"]),
    "a copy (nested_copy)": (
        ["flowers/daisy/1.jpg", "flowers/rose/1.jpg", "daisy/1.jpg", "rose/1.jpg"], {},
        ["received flowers, which looks like a copy: it holds daisy, rose too",
         "'data.classes=[\"daisy\", \"rose\"]'"]),
    "a copy in a split": (
        ["train/b/1.jpg", "train/c/1.jpg", "train/all/b/1.jpg", "train/all/c/1.jpg", "test/b/1.jpg", "test/c/1.jpg"],
        {}, ["received train/all, which looks like a copy"]),
    "a copy of the splits": (
        ["x/train/a/1.jpg", "x/test/a/1.jpg", "train/a/1.jpg", "test/a/1.jpg", "x/train/b/1.jpg"], {},
        ["received both"]),
    "numbers that a spreadsheet rewrote": (
        ["1/1.jpg", "1.0/1.jpg", "2/1.jpg"], {}, ["how a number is written, received '1' and '1.0'"]),
    "numbers in splits": (
        ["train/1/1.jpg", "train/2/1.jpg", "test/01/1.jpg", "test/2/1.jpg"], {},
        ["test spells '01' what train spells '1'"]),
    "full width": (["\uff43at/1.jpg", "cat/1.jpg"], {}, ["characters that look alike", "'\\uff43at'"]),
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


@pytest.mark.parametrize(
    "names",
    [
        ["alpha/cat/1.jpg", "alpha/dog/1.jpg", "beta/cat/1.jpg", "beta/dog/1.jpg"],
        ["train/1.jpg", "test/1.jpg"],
        ["fold 1/1.jpg", "fold 2/1.jpg"],
        ["dev/1.jpg", "test/1.jpg", "ops/1.jpg"],
    ],
)
def test_folders_that_are_said_to_be_classes_are_classes(tmp_path: Path, names: list[str]) -> None:
    classes = tuple(sorted({name.partition("/")[0] for name in names}))
    images = open_path(make(tmp_path, names), classes=classes)
    assert images.class_names == list(classes)
    assert images.splits is None
    assert len(images) == len(names)


def test_archives_in_an_archive_are_classes_without_their_extension(tmp_path: Path) -> None:
    for name in ("cat.zip", "Dog.ZIP"):
        make_zip(tmp_path / name, ["1.jpg", "2.jpg"])
    with zipfile.ZipFile(tmp_path / "class_zips.zip", "w") as archive:
        for name in ("cat.zip", "Dog.ZIP"):
            archive.write(tmp_path / name, name)
    assert open_path(tmp_path / "class_zips.zip").class_names == ["Dog", "cat"]


def test_archives_in_a_folder_are_refused_with_what_to_do(tmp_path: Path) -> None:
    for name in ("cat.zip", "dog.zip"):
        make_zip(tmp_path / name, ["1.jpg"])
    with pytest.raises(DataError, match="2 × an archive inside") as caught:
        open_path(tmp_path)
    assert "unpack the archives" in str(caught.value.hint)


def test_one_class_is_read_since_it_can_be_measured_on(tmp_path: Path) -> None:
    assert open_path(make(tmp_path, ["cat/1.jpg", "cat/2.jpg"])).class_names == ["cat"]


def test_classes_may_be_chosen_in_any_unicode_form(tmp_path: Path) -> None:
    make(tmp_path, ["caf\u00e9/1.jpg", "bar/1.jpg", "x/1.jpg"])
    assert open_path(tmp_path, classes=("cafe\u0301", "bar")).class_names == ["caf\u00e9", "bar"]


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

    @pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
    def test_separators_and_encodings_are_detected(self, data: Path, separator: str, encoding: str) -> None:
        text = 'Name,label\r\n1.jpg,"caf\u00e9"\r\n2.jpg,dog\r\n'.replace(",", separator)
        (data.parent / "labels.csv").write_bytes(text.encode(encoding))
        images = open_path(data, labels=data.parent / "labels.csv")
        assert table(images) == {"1.jpg": "caf\u00e9", "2.jpg": "dog"}

    @pytest.mark.parametrize(
        "text",
        [
            "sep=;\nname;label\n1.jpg;cat\n2.jpg;a, dog\n",
            "'name','label'\n'1.jpg','cat'\n'2.jpg','a, dog'\n",
            'name, label\n1.jpg, cat\n2.jpg, "a, dog"\n',
            '"NAME"\t"Label"\r"1.jpg"\t"cat"\r"2.jpg"\t"a, dog"\r',
            "name;label\n1.jpg;cat\u200b\n2.jpg;a,\u00a0dog \n",
            "name|label\n./1.jpg|cat\n2.jpg\u200b|a, dog\n",
        ],
    )
    def test_quoting_and_invisible_characters_are_passed_over(self, data: Path, text: str) -> None:
        assert table(open_path(data, labels=self.write(data, text))) == {"1.jpg": "cat", "2.jpg": "a, dog"}

    def test_names_match_in_any_unicode_form_and_with_backslashes(self, data: Path) -> None:
        make(data, ["cafe\u0301/5.jpg"])
        labels = self.write(data, "name,label\ncaf\u00e9\\5.jpg,cat\n1.jpg,dog\n")
        assert table(open_path(data, labels=labels)) == {"1.jpg": "dog", "cafe\u0301/5.jpg": "cat"}

    @pytest.mark.parametrize(
        ("words", "splits"),
        [
            (["train", "TrainSet", "dev", "hold-out"], ["train", "train", "validation", "test"]),
            (["seg_train", "seg_train", "seg_val", "seg_test"], ["train", "train", "validation", "test"]),
            (["training images", "train", "eval", "test1"], ["train", "train", "validation", "test"]),
        ],
    )
    def test_splits_are_read_as_people_write_them(self, data: Path, words: list[str], splits: list[str]) -> None:
        names = ["1.jpg", "2.jpg", "deep/3.jpg", "deep/4.jpg"]
        rows = "".join(f"{name},a,{word}\n" for name, word in zip(names, words, strict=True))
        images = open_path(data, labels=self.write(data, f"name,label,split\n{rows}"))
        assert images.splits == splits

    @pytest.mark.parametrize(
        ("content", "expected", "hint"),
        [
            (
                "name,label\n1.jpg,caf\u00e9\n".encode("cp1252"),
                "line 2 may be '1.jpg,caf\u00e9'",
                "iconv -f WINDOWS-1252",
            ),
            ("name,label\n1.jpg,\u20ac\n".encode("cp1252"), "in Windows-1252", "iconv"),
            (b"PK\x03\x04...", "a workbook or archive", "save it as CSV"),
        ],
    )
    def test_other_encodings_are_named(self, data: Path, content: bytes, expected: str, hint: str) -> None:
        (data.parent / "labels.csv").write_bytes(content)
        with pytest.raises(DataError) as caught:
            open_path(data, labels=data.parent / "labels.csv")
        assert expected in str(caught.value)
        assert hint in str(caught.value.hint)

    @pytest.mark.parametrize(("one", "other"), [("1", "1.0"), ("1", "01"), ("2.5", "2.50"), ("Cat", "cat")])
    def test_labels_that_a_spreadsheet_rewrote_are_named(self, data: Path, one: str, other: str) -> None:
        labels = self.write(data, f"name,label\n1.jpg,{one}\n2.jpg,{other}\n")
        with pytest.raises(DataError, match=f"received '{one}' and '{other}'|received '{other}' and '{one}'"):
            open_path(data, labels=labels)

    def test_classes_may_be_chosen(self, data: Path) -> None:
        labels = self.write(data, "name,label\n1.jpg,cat\n2.jpg,dog\ndeep/3.jpg,emu\n")
        assert table(open_path(data, labels=labels, classes=("emu", "cat"))) == {"1.jpg": "cat", "deep/3.jpg": "emu"}

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("name,label\n1.jpg,cat\nx.jpg,dog\n", "line 3: expected a file in"),
            ("name,label\n1.JPG,cat\n", "no such file, but there is '1.jpg'"),
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
