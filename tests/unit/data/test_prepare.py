"""From a source to a manifest: faults, copies, contradictions, leaks and small classes, each said and none hidden."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from cnnforge.data.manifest import Manifest
from cnnforge.data.preparing import build_manifest, open_source, prepare
from cnnforge.errors import DataError, PluginError
from cnnforge.images.labelled_images import LabelledImages, LeftOut
from cnnforge.recipe.resolving import ResolvedRecipe
from cnnforge.recipe.schema import DataSection, Recipe
from tests.unit.data.image_cases import PICTURE, encode
from tests.unit.data.sources import Photographs, picture


@pytest.fixture
def photographs(tmp_path: Path) -> Photographs:
    """A hundred photographs of two classes in turn, all different."""
    return Photographs(tmp_path / "photographs", 100)


def manifest_of(photographs: Photographs, changes: dict | None = None, **data: object) -> Manifest:
    changes = changes or {}
    section = DataSection(source="x", **data)
    return build_manifest(photographs.images(**changes), photographs.scan("off", **changes), section)


def damage(photographs: Photographs, num_images: int) -> list[str]:
    for name in photographs.names[:num_images]:
        photographs.put(name, b"damaged", signature="2")
    return photographs.names[:num_images]


# Faults


def test_bad_images_are_left_out_and_named(photographs: Photographs) -> None:
    bad = damage(photographs, 5)
    manifest = manifest_of(photographs)
    assert manifest.faults() == dict.fromkeys(bad, "not an image, but text")
    assert manifest.splits[:5].tolist() == [-1] * 5
    assert manifest.summary()["num_images"] == 95


@pytest.mark.parametrize(
    ("num_bad", "data"), [(6, {}), (1, {"strict": True}), (1, {"max_unreadable": 0.0}), (30, {"max_unreadable": 0.29})]
)
def test_too_many_bad_images_stop_everything(photographs: Photographs, num_bad: int, data: dict) -> None:
    first = damage(photographs, num_bad)[0]
    with pytest.raises(DataError, match=f"received {num_bad} of 100") as caught:
        manifest_of(photographs, **data)
    assert f"{first}: not an image" in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 7
    assert "max_unreadable" in caught.value.hint


def test_files_that_the_source_gave_up_count_as_bad_and_ignored_ones_do_not(photographs: Photographs) -> None:
    ignored = [LeftOut(f"{n}/Thumbs.db", "not a photograph") for n in range(50)]
    pipes = [LeftOut(f"{n}.jpg", "a named pipe, not a regular file", is_fault=True) for n in range(4)]
    manifest = manifest_of(photographs, {"left_out": ignored + pipes})
    assert (manifest.summary()["num_left_out"], manifest.summary()["ignored"]) == (4, 50)
    with pytest.raises(DataError, match=r"received 8 of 104"):
        damage(photographs, 4)
        manifest_of(photographs, {"left_out": ignored + pipes})


def test_when_nothing_is_left_the_error_says_which_class(photographs: Photographs) -> None:
    damage(photographs, 100)
    with pytest.raises(DataError, match=r"images of class 'cat'.*received 0"):
        manifest_of(photographs, max_unreadable=1.0)


# Copies and contradictions


def test_copies_share_a_split_and_a_group(photographs: Photographs) -> None:
    copied = photographs.names[4:12:2]
    for number, name in enumerate(copied):
        photographs.put(f"copy{number}.png", (photographs.folder / name).read_bytes())
    photographs.names.sort()
    labels = [0 if name in copied or name.startswith("copy") else n % 2 for n, name in enumerate(photographs.names)]
    manifest = manifest_of(photographs, {"labels": labels})
    assert len(manifest.duplicates) == manifest.summary()["num_duplicates"] == 4
    for group in manifest.duplicates:
        assert len(set(manifest.splits[group].tolist())) == 1


def test_a_photograph_in_two_classes_is_used_in_neither(photographs: Photographs) -> None:
    photographs.put("again.png", (photographs.folder / "00000.png").read_bytes())
    labels = [n % 2 for n in range(100)] + [1]
    manifest = manifest_of(photographs, {"labels": labels})
    assert manifest.faults() == {
        "00000.png": "labelled twice: the same photograph is again.png, class dog",
        "again.png": "labelled twice: the same photograph is 00000.png, class cat",
    }
    assert manifest.splits[[0, 100]].tolist() == [-1, -1]
    assert any("2 images are left out" in warning for warning in manifest.warnings)


def test_a_class_that_is_a_copy_of_others_is_refused_with_the_place_of_the_copy(photographs: Photographs) -> None:
    for n in range(100):
        photographs.put(f"copy-{n:05}.png", (photographs.folder / f"{n:05}.png").read_bytes())
    changes = {"labels": [n % 2 for n in range(100)] + [2] * 100, "class_names": ["cat", "dog", "all"]}
    with pytest.raises(DataError, match=r"200 of 200 that are in two, most of those of cat, dog, all") as caught:
        manifest_of(photographs, changes)
    assert "00000.png: labelled twice: the same photograph is copy-00000.png, class all" in str(caught.value)


def fixed(photographs: Photographs) -> dict:
    """Splits of the source's own: 60 for training, 20 for each of the others."""
    return {"splits": [("train", "train", "train", "validation", "test")[n // 2 % 5] for n in range(100)]}


def test_fixed_splits_are_kept(photographs: Photographs) -> None:
    manifest = manifest_of(photographs, fixed(photographs))
    assert manifest.counts() == {
        "train": {"cat": 30, "dog": 30},
        "validation": {"cat": 10, "dog": 10},
        "test": {"cat": 10, "dog": 10},
    }


def test_a_photograph_in_two_fixed_splits_is_an_error_or_accepted(photographs: Photographs) -> None:
    photographs.put("00008.png", (photographs.folder / "00000.png").read_bytes())  # train and test
    with pytest.raises(DataError, match=r"00000\.png \(train\) = 00008\.png \(test\)") as caught:
        manifest_of(photographs, fixed(photographs))
    assert "allow_leaks" in caught.value.hint
    assert manifest_of(photographs, fixed(photographs), allow_leaks=True).summary()["num_images"] == 100


def test_a_missing_split_is_cut_out_of_train_and_it_is_said(photographs: Photographs) -> None:
    splits = ["test" if n >= 80 else "train" for n in range(100)]
    manifest = manifest_of(photographs, {"splits": splits}, validation_fraction=0.3)
    assert set(manifest.counts()) == {"train", "validation", "test"}
    assert sum(manifest.counts()["test"].values()) == 20
    assert any("no validation split of their own" in warning for warning in manifest.warnings)


def test_look_alikes_across_splits_are_a_warning(tmp_path: Path) -> None:
    photographs = Photographs(tmp_path / "alike", 100)
    for number, quality in enumerate(range(60, 100)):
        photographs.put(f"alike{number}.jpg", encode(PICTURE, quality=quality))
    manifest = manifest_of(photographs, {"labels": [n % 2 for n in range(100)] + [0] * 40})
    (group,) = manifest.near_duplicates
    assert len(group) == 40
    assert len(set(manifest.splits[group].tolist())) > 1
    assert any("1 groups of nearly identical photographs lie across splits" in w for w in manifest.warnings)


@pytest.mark.parametrize(("num_rare", "is_warned"), [(5, True), (9, True), (30, False)])
def test_imbalance_is_a_warning_that_names_its_remedy(photographs: Photographs, num_rare: int, is_warned: bool) -> None:
    source = {"labels": [0] * num_rare + [1] * (100 - num_rare)}
    (told,) = [w for w in manifest_of(photographs, source).warnings if "accuracy will hide" in w] or [""]
    assert (f"class 'cat' has {num_rare} images" in told) == is_warned
    assert told.endswith("more images help, or --set training.class_balance=weights") == is_warned


def test_few_test_images_are_a_warning_with_the_way_on(photographs: Photographs) -> None:
    (told,) = manifest_of(photographs).warnings
    assert told.startswith("only 10 test images: accuracy measured on them may be wrong by 31 points")
    assert told.endswith("--set data.test_fraction=0.3")
    assert not manifest_of(photographs, test_fraction=0.3).warnings
    assert not manifest_of(photographs, test_fraction=0).warnings


def test_who_has_test_images_of_their_own_is_told_to_add_some(photographs: Photographs) -> None:
    (told,) = manifest_of(photographs, fixed(photographs)).warnings
    assert told.startswith("only 20 test images")
    assert "test_fraction" not in told


def test_notes_of_the_scan_are_warnings(photographs: Photographs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNNFORGE_CACHE_GB", "0.0000001")
    manifest = build_manifest(photographs.images(), photographs.scan("auto"), DataSection(source="x"))
    assert any("decoded again in every epoch" in warning for warning in manifest.warnings)


# Opening the source


def resolved(images: object, **data: object) -> ResolvedRecipe:
    """A recipe whose source, ``opened`` below, returns that object."""
    opened.append(images)
    spec = SimpleNamespace(name="mine", open="tests.unit.data.test_prepare:open_last")
    return SimpleNamespace(
        recipe=Recipe(name="mine", data=DataSection(source="mine", **data), architecture={"name": "any"}),
        data_source=SimpleNamespace(spec=spec, plugin="some-package:main"),
        data_options=None,
        input_shape=(12, 16, 3),
    )


opened: list[object] = []


def open_last(options: object) -> object:
    return opened[-1]


def unnamed(**changes: object) -> LabelledImages:
    fields = {"class_names": ["a", "b"], "names": ["1", "2"], "labels": [0, 1], "read": picture}
    return LabelledImages(**{**fields, **changes})


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (["1.jpg"], "expected cnnforge.LabelledImages, received list"),
        (unnamed(labels=[0]), "expected 2 labels"),
        (unnamed(labels=[0, 2]), "labels from 0 to 1"),
        (unnamed(names=["1", "1"]), "unique image names"),
    ],
)
def test_a_source_that_breaks_the_contract_is_named(images: object, message: str) -> None:
    with pytest.raises(PluginError, match=r"data source 'mine' of plugin some-package:main: .*" + message):
        open_source(resolved(images))


@pytest.mark.parametrize(
    ("class_names", "labels", "message"),
    [
        ([], [], "received 0"),
        (["cat"], [0, 0], "received 1: cat"),
        (["cat", "dog"], [1, 1], "received 1: dog"),
    ],
)
def test_images_of_fewer_than_two_classes_are_an_error_but_to_measure_on(
    class_names: list[str], labels: list[int], message: str
) -> None:
    images = unnamed(class_names=class_names, names=list("ab")[: len(labels)], labels=labels)
    with pytest.raises(DataError, match=f"at least two classes, {message}"):
        open_source(resolved(images))
    if labels:
        assert open_source(resolved(images), min_classes=1) is images
    else:
        with pytest.raises(DataError, match="at least one class, received 0"):
            open_source(resolved(images), min_classes=1)


def test_a_subset_is_a_share_that_a_larger_one_contains(photographs: Photographs) -> None:
    photographs.add(900)
    splits = [("train", "test")[n % 2] for n in range(1000)]
    whole = photographs.images(splits=splits)
    small, large = (open_source(resolved(whole, subset=share)) for share in (0.2, 0.5))
    assert set(small.names) < set(large.names) < set(whole.names)
    assert len(small) == pytest.approx(200, abs=60)
    row_of = {name: row for row, name in enumerate(whole.names)}
    for row, name in enumerate(small.names):
        assert small.labels[row] == whole.labels[row_of[name]]
        assert small.splits[row] == splits[row_of[name]]
        assert small.read(row) == picture(int(name[:5]))


def test_a_subset_is_read_by_other_processes_too(photographs: Photographs) -> None:
    photographs.add(1900)
    recipe = resolved(photographs.images(), subset=0.5)
    data = prepare(recipe, open_source(recipe), lambda done, total: None)
    assert data.location == str(photographs.folder)
    assert len(data.manifest.names) == pytest.approx(1000, abs=150)
    assert data.manifest.faults() == {}
    (row,) = np.flatnonzero(np.array(data.manifest.names) == data.manifest.names[7])
    assert np.array_equal(
        data.rows.gather(np.array([row]))[0],
        photographs.scan("off").rows.gather(np.array([int(data.manifest.names[7][:5])]))[0],
    )
