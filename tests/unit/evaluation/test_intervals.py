"""Intervals of means and of their differences, against scipy's own ways to them."""

from __future__ import annotations

import pytest
import scipy.stats

from cnnforge.evaluation.intervals import difference_interval, mean_interval

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


def test_one_value_has_no_interval_and_equal_values_a_point():
    assert (mean_interval([0.8]), difference_interval([0.8], SECOND)) == (None, None)
    assert difference_interval([0.8, 0.8], [0.7, 0.7]) == pytest.approx((0.1, 0.1))
