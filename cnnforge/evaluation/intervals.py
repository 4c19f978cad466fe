"""Confidence intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import binomtest, t, ttest_ind

_CONFIDENCE = 0.95


def wilson_interval(num_right: int, num_images: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of a proportion (Wilson 1927), which holds for small counts too."""
    interval = binomtest(num_right, num_images).proportion_ci(_CONFIDENCE, method="wilson")
    return (float(interval.low), float(interval.high))


def mean_of_shares_interval(shares: Sequence[float], intervals: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the 95 % confidence interval of a mean of independent proportions, from those of each of them.

    The distances of the limits from the proportions are added as standard errors are (MOVER: Zou and Donner 2008,
    Construction of confidence limits about effect measures, Statistics in Medicine 27). Holds for small counts too.
    """
    mean = sum(shares) / len(shares)
    below = math.hypot(*(share - low for share, (low, _) in zip(shares, intervals, strict=True)))
    above = math.hypot(*(high - share for share, (_, high) in zip(shares, intervals, strict=True)))
    return (mean - below / len(shares), mean + above / len(shares))


def mean_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Return the 95 % confidence interval of a mean (Student 1908).

    None for fewer than two values, and where all are equal: that three trainings give one figure does not make it sure.
    """
    if len(set(values)) < 2:
        return None
    half = t.ppf((1 + _CONFIDENCE) / 2, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values))
    return (float(np.mean(values) - half), float(np.mean(values) + half))


def difference_interval(first: Sequence[float], second: Sequence[float]) -> tuple[float, float] | None:
    """Return the 95 % confidence interval of the difference of two means (Welch 1947).

    None without two values each, and where neither differ among themselves.
    """
    if len(first) < 2 or len(second) < 2 or len(set(first)) == len(set(second)) == 1:
        return None
    found = ttest_ind(first, second, equal_var=False).confidence_interval(_CONFIDENCE)
    return (float(found.low), float(found.high))
