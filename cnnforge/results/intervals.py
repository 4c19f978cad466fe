"""Confidence intervals."""

from __future__ import annotations

from scipy.stats import binomtest


def wilson_interval(num_right: int, num_images: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of a proportion (Wilson 1927), which holds for small counts too."""
    interval = binomtest(num_right, num_images).proportion_ci(0.95, method="wilson")
    return (float(interval.low), float(interval.high))
