"""An image's split follows from its content, whatever else is there."""

from __future__ import annotations

import hashlib
import re

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from cnnforge.data.splits import TEST, TRAIN, VALIDATION, assign, position
from cnnforge.errors import DataError
from cnnforge.recipe import DataSection

CLASSES = ("cat", "dog", "emu")
ALL_FIXED = [TRAIN, VALIDATION, TEST]


def shares(validation: float, test: float, seed: int = 0) -> DataSection:
    return DataSection(source="any", validation_fraction=validation, test_fraction=test, split_seed=seed)


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
def test_adding_images_never_moves_old_ones(old: int, added: int, seed: int, fractions: tuple[float, float]) -> None:
    how = shares(*fractions, seed)
    assert large(old + added, how)[:old] == large(old, how)


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
    assert all("class 'cat' is so small" in note for note in notes)
    assert found[num_images:] == split(range(500), [0] * 500, classes=CLASSES[:1])[0]  # the other class is as it was


def test_many_small_classes_are_said_in_one_line() -> None:
    names = [f"class {n}" for n in range(150)]
    found, notes = split(range(750), [n // 5 for n in range(750)], classes=names)
    assert all(set(found[5 * n : 5 * n + 5]) == {TRAIN, VALIDATION, TEST} for n in range(150))
    (note,) = notes
    assert re.fullmatch(
        r"1[0-4]\d classes are so small that \d+ images had to be moved for every split to have some: .*, …", note
    )


def test_two_images_are_too_few_for_three_splits() -> None:
    with pytest.raises(DataError, match=r"at least 3 different images of class 'cat'.*received 2"):
        split([1, 2, *range(10, 500)], [0, 0] + [1] * 490)


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
    assert found.count(missing) == pytest.approx(100, abs=40)
    assert [note for note in notes if "cut out of train" in note] == notes


def test_nothing_is_cut_out_when_nothing_is_asked() -> None:
    fixed = [TRAIN] * 100 + [TEST] * 20
    found, notes = split(range(120), [n % 2 for n in range(120)], shares(0.0, 0.5, 0), fixed)
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
