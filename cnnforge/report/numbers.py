"""Numbers as people read them: counts, percentages, durations, sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence

NOTHING = "–"
"""What stands where a number is missing or not finite."""

_SPACE = "\N{NO-BREAK SPACE}"


def is_number(value: object) -> bool:
    """Return whether a value read from JSON is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def number(value: float | None, digits: int = 4) -> str:
    """Return a number with that many significant digits: ``0.4713``, ``1.02e-05``."""
    return f"{value:.{digits}g}" if value is not None and math.isfinite(value) else NOTHING


def count(value: float | None) -> str:
    """Return a whole number with separators: ``9,494,561``."""
    return f"{round(value):,}" if value is not None and math.isfinite(value) else NOTHING


def percent(share: float | None, digits: int = 1) -> str:
    """Return a share as a percentage; neither all nor none by rounding: ``>99.9 %``."""
    if share is None or not math.isfinite(share):
        return NOTHING
    smallest = 10.0**-digits
    if 100 - smallest / 2 <= share * 100 < 100 - 1e-9:  # an error of rounding below 1 is still all
        return f">{100 - smallest:.{digits}f}{_SPACE}%"
    if 0 < share * 100 < smallest / 2:
        return f"<{smallest:.{digits}f}{_SPACE}%"
    return f"{share * 100:.{digits}f}{_SPACE}%"


def interval(limits: Sequence[float] | None) -> str:
    """Return the limits of a share, ``93.1 % to 99.2 %``, with digits that tell them apart; empty if they are one."""
    low, high = limits or (0, 0)
    digits = next((n for n in range(1, 7) if percent(low, n) != percent(high, n)), 0)
    return f"{percent(max(low, 0), digits)} to {percent(min(high, 1), digits)}" if digits else ""


def duration(seconds: float | None) -> str:
    """Return a time with its two largest units: ``3.2 s``, ``5 min 51 s``, ``2 h 4 min``."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    if seconds < 9.95:
        return f"{seconds:.1f}{_SPACE}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest}{_SPACE}s"
    if minutes < 60:
        return f"{minutes}{_SPACE}min {rest}{_SPACE}s"
    return f"{minutes // 60}{_SPACE}h {minutes % 60}{_SPACE}min"


def size(num_bytes: float | None) -> str:
    """Return a size in bytes in the unit that suits it: ``1.75 GB``."""
    if num_bytes is None or not math.isfinite(num_bytes):
        return NOTHING
    for unit, divisor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if num_bytes >= divisor:
            return f"{num_bytes / divisor:.3g}{_SPACE}{unit}"
    return f"{num_bytes:.0f}{_SPACE}bytes"
