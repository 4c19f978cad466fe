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


def mean_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Return the 95 % confidence interval of a mean (Student 1908); None for fewer than two values."""
    if len(values) < 2:
        return None
    half = t.ppf((1 + _CONFIDENCE) / 2, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values))
    return (float(np.mean(values) - half), float(np.mean(values) + half))


def difference_interval(first: Sequence[float], second: Sequence[float]) -> tuple[float, float] | None:
    """Return the 95 % confidence interval of the difference of two means (Welch 1947); None without two values each."""
    if len(first) < 2 or len(second) < 2:
        return None
    difference = float(np.mean(first) - np.mean(second))
    if np.var(first) == np.var(second) == 0:
        return (difference, difference)
    found = ttest_ind(first, second, equal_var=False).confidence_interval(_CONFIDENCE)
    return (float(found.low), float(found.high))
