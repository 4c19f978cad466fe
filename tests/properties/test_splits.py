"""Every image is in one split, each split has its share of every class, and images added move few."""

from __future__ import annotations

import hashlib

import numpy as np
from hypothesis import given, settings, strategies as st

from cnnforge.data.splits import TEST, TRAIN, VALIDATION, assign
from cnnforge.recipe import DataSection

CLASSES = ("cat", "dog", "emu")
fractions = st.floats(0.02, 0.45)
how = st.builds(
    DataSection,
    source=st.just("any"),
    validation_fraction=fractions,
    test_fraction=fractions,
    split_seed=st.integers(0, 2**64),
)


def assigned(contents: range, settings: DataSection, fixed: np.ndarray | None = None) -> np.ndarray:
    joined = b"".join(hashlib.sha256(str(content).encode()).digest() for content in contents)
    hashes = np.frombuffer(joined, np.uint8).reshape(-1, 32)
    found, _ = assign(hashes, np.array([content % 3 for content in contents]), CLASSES, settings, fixed)
    return found


@given(how, st.integers(0, 10**6))
@settings(max_examples=40)
def test_splits_are_disjoint_and_have_their_share_of_each_class(settings: DataSection, start: int) -> None:
    found = assigned(range(start, start + 3000), settings)
    assert set(found.tolist()) == {TRAIN, VALIDATION, TEST}
    shares = {TEST: settings.test_fraction, VALIDATION: settings.validation_fraction}
    shares[TRAIN] = 1 - sum(shares.values())
    for label in range(3):
        of_class = found[(label - start) % 3 :: 3]
        for split, share in shares.items():
            assert abs((of_class == split).sum() - share * len(of_class)) <= 1


@given(how, st.integers(1, 500), st.integers(0, 10**6))
@settings(max_examples=40)
def test_an_image_that_is_added_moves_at_most_one_at_each_cut(settings: DataSection, added: int, start: int) -> None:
    old = range(start, start + 1500)
    more = range(start, start + 1500 + added)
    assert np.sum(assigned(more, settings)[: len(old)] != assigned(old, settings)) <= 2 * added
    threshold = settings.model_copy(update={"split_method": "threshold"})
    assert np.array_equal(assigned(more, threshold)[: len(old)], assigned(old, threshold))


@given(how, st.lists(st.sampled_from([TRAIN, VALIDATION, TEST]), min_size=100, max_size=100))
@settings(max_examples=40)
def test_splits_that_the_data_have_are_kept(settings: DataSection, fixed: list[int]) -> None:
    given_splits = np.array(fixed + [TRAIN] * 3 + [VALIDATION] * 3 + [TEST] * 3, np.int8)
    assert np.array_equal(assigned(range(len(given_splits)), settings, given_splits), given_splits)
