"""An image's split follows from the order of hashes of content; in number each class has what the fractions say."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from cnnforge.data.splits import TEST, TRAIN, VALIDATION, assign, position
from cnnforge.errors import DataError
from cnnforge.recipe import DataSection

CLASSES = ("cat", "dog", "emu")
ALL_FIXED = [TRAIN, VALIDATION, TEST]


def shares(validation: float, test: float, seed: int = 0, method: Any = "count") -> DataSection:
    return DataSection(
        source="any", validation_fraction=validation, test_fraction=test, split_seed=seed, split_method=method
    )


USUAL = shares(0.1, 0.1)


def hashes(*contents: object) -> np.ndarray:
    joined = b"".join(hashlib.sha256(str(content).encode()).digest() for content in contents)
    return np.frombuffer(joined, np.uint8).reshape(-1, 32)


def split(contents, labels, how: DataSection = USUAL, fixed=None, classes=CLASSES[:2]):
    found, notes = assign(
        hashes(*contents), np.asarray(labels), classes, how, None if fixed is None else np.asarray(fixed)
    )
    return found.tolist(), notes


def large(num_images: int, how: DataSection = USUAL, offset: int = 0) -> list[int]:
    return split(range(offset, offset + num_images), [n % 2 for n in range(num_images)], how)[0]


@settings(max_examples=30, deadline=None)
@given(
    old=st.integers(400, 600),
    added=st.integers(1, 300),
    seed=st.integers(0, 2**32),
    fractions=st.sampled_from([(0.1, 0.1), (0.2, 0.2), (0.3, 0.05), (0.2, 0.0)]),
)
def test_by_threshold_images_that_are_added_never_move_old_ones(
    old: int, added: int, seed: int, fractions: tuple[float, float]
) -> None:
    how = shares(*fractions, seed, "threshold")
    assert large(old + added, how)[:old] == large(old, how)


@settings(max_examples=60, deadline=None)
@given(
    old=st.integers(20, 400),
    added=st.integers(1, 40),
    seed=st.integers(0, 2**32),
    fractions=st.sampled_from([(0.1, 0.1), (0.2, 0.2), (0.3, 0.05), (0.2, 0.0)]),
)
def test_an_image_that_is_added_moves_at_most_one_at_each_cut(
    old: int, added: int, seed: int, fractions: tuple[float, float]
) -> None:
    how = shares(*fractions, seed)
    before, after = np.array(large(old, how)), np.array(large(old + added, how)[:old])
    num_cuts = sum(fraction > 0 for fraction in fractions)
    assert (before != after).sum() <= added * num_cuts


def test_a_hundred_images_that_are_added_move_a_handful() -> None:
    moved = [np.sum(np.array(large(1000, how)) != large(1100, how)[:1000]) for how in map(seeded, range(20))]
    assert np.mean(moved) < 8
    assert max(moved) < 25


def seeded(seed: int) -> DataSection:
    return shares(0.1, 0.1, seed)


@settings(max_examples=150, deadline=None)
@given(
    sizes=st.lists(st.integers(3, 150), min_size=2, max_size=3),
    validation=st.floats(0.0, 0.49),
    test=st.floats(0.0, 0.49),
    seed=st.integers(0, 2**32),
)
def test_every_class_holds_the_fractions_within_one_image(
    sizes: list[int], validation: float, test: float, seed: int
) -> None:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    found, _ = split(range(sum(sizes)), labels, shares(validation, test, seed), classes=CLASSES[: len(sizes)])
    for label, size in enumerate(sizes):
        of_class = np.array(found)[labels == label]
        for number, share in ((TEST, test), (VALIDATION, validation)):
            count = (of_class == number).sum()
            # Where the share is less than one image there is one all the same, which another split then lacks.
            assert abs(count - size * share) <= 1 or 1 in np.bincount(of_class, minlength=3)
            assert (count > 0) == (share > 0)
        assert (of_class == TRAIN).any()


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (60, (48, 6, 6)),  # of two such classes: 12 test images, six of each
        (12, (10, 1, 1)),
        (15, (12, 1, 2)),
        (5, (3, 1, 1)),
        (3, (1, 1, 1)),
        (400, (320, 40, 40)),
    ],
)
def test_so_many_of_a_class_are_in_each_split(size: int, expected: tuple[int, int, int]) -> None:
    found, _ = split(range(2 * size), [n % 2 for n in range(2 * size)])
    for label in (0, 1):
        assert tuple(np.bincount(found[label::2], minlength=3)) == expected


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 60), min_size=200, max_size=400), st.randoms())
def test_order_does_not_matter_and_copies_share_a_split(contents: list[int], random) -> None:
    contents = [*contents, *range(1000, 1100)]
    labels = [content % 2 for content in contents]
    first, _ = split(contents, labels)
    order = random.sample(range(len(contents)), len(contents))
    second, _ = split([contents[i] for i in order], [labels[i] for i in order])
    assert [first[i] for i in order] == second
    assert all(len({s for c, s in zip(contents, first, strict=True) if c == content}) == 1 for content in contents)


@pytest.mark.parametrize("fractions", [(0.1, 0.1), (0.25, 0.15), (0.0, 0.3), (0.3, 0.0), (0.0, 0.0)])
def test_fractions_are_near_what_is_asked_in_every_class(fractions: tuple[float, float]) -> None:
    num_images = 20_000
    found = np.array(large(num_images, shares(*fractions, 0)))
    for label in (0, 1):
        in_class = found[label::2]
        for number, fraction in ((VALIDATION, fractions[0]), (TEST, fractions[1])):
            share = (in_class == number).mean()
            assert share == pytest.approx(fraction, abs=4 * (fraction * (1 - fraction) / len(in_class)) ** 0.5)


def test_the_test_split_does_not_depend_on_the_validation_fraction() -> None:
    one, other = (np.array(large(2000, shares(v, 0.2, 0))) for v in (0.1, 0.3))
    assert np.array_equal(one == TEST, other == TEST)


def test_another_seed_gives_another_split() -> None:
    one, other = (np.array(large(2000, shares(0.2, 0.2, seed))) for seed in (0, 1))
    agreement = (one == other).mean()
    assert 0.35 < agreement < 0.53  # by chance: 0.6² + 0.2² + 0.2² = 0.44


@given(st.binary(max_size=40), st.integers(0, 2**64))
def test_positions_lie_between_0_and_1(content: bytes, seed: int) -> None:
    assert 0 <= position(content, seed) <= 1


# Small classes


@settings(max_examples=50, deadline=None)
@given(st.integers(3, 12), st.integers(0, 10_000))
def test_three_images_are_enough_for_three_splits(num_images: int, offset: int) -> None:
    found, notes = split([f"{offset}-{n}" for n in range(num_images)] + list(range(500)), [0] * num_images + [1] * 500)
    assert set(found[:num_images]) == {TRAIN, VALIDATION, TEST}
    assert all("1 of 2 classes have fewer than 10 test images ('cat' 1)" in note for note in notes)
    assert found[num_images:] == split(range(500), [0] * 500, classes=CLASSES[:1])[0]  # the other class is as it was


def test_many_small_classes_are_said_in_one_line() -> None:
    names = [f"class {n}" for n in range(150)]
    found, (note,) = split(range(750), [n // 5 for n in range(750)], classes=names)
    assert all(set(found[5 * n : 5 * n + 5]) == {TRAIN, VALIDATION, TEST} for n in range(150))
    assert note.startswith("150 of 150 classes have fewer than 10 test images ('class 0' 1,")


def test_two_images_are_too_few_for_three_splits() -> None:
    with pytest.raises(DataError, match=r"at least 3 different images of class 'cat'.*received 2"):
        split([1, 2, *range(10, 500)], [0, 0] + [1] * 490)


def test_many_small_classes_are_one_line() -> None:
    names, labels = [f"class {n}" for n in range(150)], np.repeat(np.arange(150), [120] * 20 + [5] * 130)
    _, (told,) = split(range(len(labels)), labels, classes=names)
    assert told.startswith("130 of 150 classes have fewer than 10 test images ('class 20' 1, 'class 21' 1,")
    assert "and 125 more" in told
    assert told.endswith("; more images help, or --set data.test_fraction=0.3")
    assert not split(range(15_000), np.arange(15_000) % 150, classes=names)[1]


def test_what_is_refused_is_said_of_all_classes_and_how_to_go_on() -> None:
    with pytest.raises(DataError, match=r"class 'cat'.*received 1; as few of 1 other classes") as raised:
        split(range(100), [0] + [1] * 98 + [2], classes=CLASSES)
    assert "--set data.validation_fraction=0" in str(raised.value.hint)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=6, max_size=30), st.sampled_from(["count", "threshold"]))
def test_many_copies_of_few_images_still_fill_every_split(contents: list[int], method: str) -> None:
    contents = [*contents, *range(6)]
    found, _ = split(contents, [0] * len(contents), shares(0.1, 0.1, 0, method), classes=CLASSES[:1])
    assert set(found) == {TRAIN, VALIDATION, TEST}


def test_copies_do_not_make_a_class_large_enough() -> None:
    with pytest.raises(DataError, match=r"of class 'cat'.*received 2"):
        split([1, 1, 1, 1, 2, *range(10, 500)], [0] * 5 + [1] * 490)


@pytest.mark.parametrize(("fractions", "num_images"), [((0.1, 0.0), 2), ((0.0, 0.1), 2), ((0.0, 0.0), 1)])
def test_two_images_are_enough_for_two_splits(fractions: tuple[float, float], num_images: int) -> None:
    found, _ = split([*range(num_images), *range(10, 500)], [0] * num_images + [1] * 490, shares(*fractions, 0))
    assert len(set(found[:num_images])) == num_images


def test_a_class_without_images_is_an_error() -> None:
    with pytest.raises(DataError, match=r"class 'emu'.*received 0"):
        split(range(500), [n % 2 for n in range(500)], classes=CLASSES)


# Splits that the source fixes


def test_fixed_splits_are_kept() -> None:
    fixed = [ALL_FIXED[n % 3] for n in range(600)]
    assert split(range(600), [n // 3 % 2 for n in range(600)], fixed=fixed) == (fixed, [])


@pytest.mark.parametrize("missing", [VALIDATION, TEST])
def test_a_missing_split_is_cut_out_of_train_alone(missing: int) -> None:
    given_split = TEST if missing == VALIDATION else VALIDATION
    fixed = [TRAIN] * 1000 + [given_split] * 100
    found, notes = split(range(1100), [n % 2 for n in range(1100)], fixed=fixed)
    assert found[1000:] == fixed[1000:]
    assert set(found[:1000]) == {TRAIN, missing}
    assert found.count(missing) == 100
    assert [note for note in notes if "cut out of train" in note] == notes


def test_nothing_is_cut_out_when_nothing_is_asked() -> None:
    fixed = [TRAIN] * 100 + [TEST] * 40
    found, notes = split(range(140), [n % 2 for n in range(140)], shares(0.0, 0.5, 0), fixed)
    assert (found, notes) == (fixed, [])


def test_a_fixed_split_that_lacks_a_class_is_an_error_and_not_mended() -> None:
    labels = [n % 2 for n in range(100)] + [0] * 20 + [1] * 5
    fixed = [TRAIN] * 100 + [TEST] * 20 + [VALIDATION] * 5
    with pytest.raises(DataError, match="validation lacks cat; test lacks dog"):
        split(range(125), labels, fixed=fixed)


def test_fixed_splits_without_train_are_an_error() -> None:
    with pytest.raises(DataError, match="train lacks cat, dog"):
        split(range(40), [n % 2 for n in range(40)], fixed=[TEST] * 20 + [VALIDATION] * 20)


def test_a_small_class_takes_from_train_and_never_from_a_fixed_split() -> None:
    labels = [0] * 2 + [1] * 200 + [0] * 50 + [1] * 50
    fixed = [TRAIN] * 202 + [TEST] * 100
    found, _ = split(range(302), labels, fixed=fixed)
    assert sorted(found[:2]) == [TRAIN, VALIDATION]
    assert found[202:] == fixed[202:]
