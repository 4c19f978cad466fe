"""Names as people read them: what is one name, and which split a name means."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, strategies as st

from cnnforge.errors import DataError
from cnnforge.images.spelling import check_distinct, meant_name, seen_name, splits_of_names


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cafe\u0301", "caf\u00e9"),
        ("\ufeffcat", "cat"),
        ("c\u200ba\u00adt\u2060", "cat"),
        ("\u00a0a\u2009 b\u3000", "a b"),
        ("a\tb\nc", "a b c"),
        ("e\u200b\u0301", "\u00e9"),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"),
        ("\U0001f468\u200d\U0001f469", "\U0001f468\u200d\U0001f469"),
        ("\u200b \u00a0", ""),
    ],
)
def test_a_name_is_what_people_see(name: str, expected: str) -> None:
    assert seen_name(name) == expected


@given(st.text())
def test_a_name_is_seen_alike_in_every_unicode_form(name: str) -> None:
    assert seen_name(seen_name(name)) == seen_name(name)
    assert seen_name(unicodedata.normalize("NFD", name)) == seen_name(unicodedata.normalize("NFC", name))


@pytest.mark.parametrize(
    ("one", "other"),
    [("Cat", "cat"), ("1", "1.0"), ("01", "1"), ("2.50", "2.5"), ("1,0", "1"), ("-1.0", "-1"), ("Straße", "STRASSE"),
     ("\uff11", "1"), ("ﬁsh", "fish"), ("a\u2800b", "ab"), ("a\u200db", "ab")],
)  # fmt: skip
def test_names_that_most_people_take_for_one_are_refused(one: str, other: str) -> None:
    assert meant_name(one) == meant_name(other)
    with pytest.raises(DataError, match="classes that differ in more than"):
        check_distinct([one, "other", other])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", "10"),
        ("10", "100"),
        ("1", "-1"),
        ("1.5", "1.05"),
        ("1,000", "1"),
        ("c", "c++"),
        ("0", "00x"),
        ("1.2.0", "1.2"),
    ],
)
def test_names_that_differ_are_left_alone(one: str, other: str) -> None:
    check_distinct([one, other])


SPLITS = {
    "train": "train", "Training": "train", "TRAIN_SET": "train", "training_images": "train", "TrainSet": "train",
    "traindata": "train", "train2017": "train", "01-train": "train", "X_train": "train", "Train Images": "train",
    "val": "validation", "valid": "validation", "dev": "validation", "evalSet": "validation",
    "validation-split": "validation", "images_val": "validation",
    "test1": "test", "TESTING": "test", "holdout": "test", "hold_out": "test", "HoldOut": "test", "test.data": "test",
    "cat": None, "trainer": None, "freight_train": None, "test_tube": None, "contest": None, "trainval": "train",
    "train_val": None, "fold_0": None, "": None, "images": None, "restrain": None,
}  # fmt: skip


@pytest.mark.parametrize(("name", "split"), SPLITS.items())
def test_a_name_means_a_split_if_it_has_no_word_of_its_own(name: str, split: str | None) -> None:
    assert splits_of_names([name]) == [split]


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (["seg_train", "seg_test", "seg_pred"], ["train", "test", None]),
        (["cifar10-train", "cifar10-val", "cifar10-test"], ["train", "validation", "test"]),
        (["freight_train", "passenger_train"], [None, None]),
        (["cat_train", "dog_test"], [None, None]),
        (["flowers_train", "flowers_train2"], [None, None]),
        (["train", "bus", "car"], ["train", None, None]),
    ],
)
def test_words_that_all_splits_have_are_passed_over(names: list[str], splits: list[str | None]) -> None:
    assert splits_of_names(names) == splits
