"""Intervals of means and of their differences, against scipy's own ways to them."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from cnnforge.evaluation.intervals import (
    difference_interval,
    mean_interval,
    mean_of_shares_interval,
    wilson_interval,
)

FIRST, SECOND = [0.8, 0.82, 0.81], [0.7, 0.75, 0.71]


def test_the_interval_of_a_mean_is_students():
    expected = scipy.stats.t.interval(0.95, 2, loc=0.81, scale=scipy.stats.sem(FIRST))
    assert mean_interval(FIRST) == pytest.approx(expected)


def test_the_interval_of_a_difference_leaves_out_0_where_welchs_test_finds_one():
    low, high = difference_interval(FIRST, SECOND)
    assert 0 < low < 0.09 < high
    assert scipy.stats.ttest_ind(FIRST, SECOND, equal_var=False).pvalue < 0.05
    low, high = difference_interval(FIRST, [0.79, 0.83, 0.81])
    assert low < 0 < high


@pytest.mark.parametrize(("first", "second"), [([0.8], SECOND), (FIRST, [0.7]), ([0.8, 0.8], [0.7, 0.7])])
def test_one_value_and_equal_values_have_no_interval(first: list[float], second: list[float]) -> None:
    assert difference_interval(first, second) is None
    assert None in (mean_interval(first), mean_interval(second))


def test_the_interval_of_a_mean_of_shares_is_that_of_one_share_and_of_many() -> None:
    one = wilson_interval(9, 10)
    assert mean_of_shares_interval([0.9], [one]) == pytest.approx(one)
    low, high = mean_of_shares_interval([1.0, 0.5], [wilson_interval(1, 1), wilson_interval(50, 100)])
    assert 0.3 < low < 0.4  # the class of one image makes it wide
    assert 0.75 < high < 0.81


def test_the_interval_of_a_mean_of_shares_holds_what_it_says() -> None:
    random, shares, counts = np.random.default_rng(0), (0.95, 0.7, 0.5), (60, 12, 4)
    held = 0
    for _ in range(400):
        right = [int(random.binomial(n, p)) for n, p in zip(counts, shares, strict=True)]
        low, high = mean_of_shares_interval(
            [k / n for k, n in zip(right, counts, strict=True)],
            [wilson_interval(k, n) for k, n in zip(right, counts, strict=True)],
        )
        held += low <= sum(shares) / 3 <= high
    assert 0.92 < held / 400 < 0.99
