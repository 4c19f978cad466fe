"""McNemar's test: is one of two networks better, measured on the same photographs?"""

from __future__ import annotations

from scipy.stats import binomtest


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the exact two-sided p-value of McNemar's test (McNemar 1947).

    Photographs on which both are right or both wrong say nothing about which is better. Of the others each network
    would get half, were they equally good; the p-value is the probability of a division at least as uneven.

    Args:
        only_first: Photographs that the first alone gets right.
        only_second: Photographs that the second alone gets right.
    """
    num_divided = only_first + only_second
    return float(binomtest(only_first, num_divided, 0.5).pvalue) if num_divided else 1.0
