"""What differs between what was recorded and what is there now, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cnnforge.errors import RecipeError

_MISSING = "nothing"


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return a line for each value that differs: ``"training.epochs: was 15, is 30"``."""
    old, new = dict(_flat(before, "")), dict(_flat(now, ""))
    keys = [*old, *(key for key in new if key not in old)]
    return [
        f"{key}: was {old.get(key, _MISSING)}, is {new.get(key, _MISSING)}"
        for key in keys
        if old.get(key, _MISSING) != new.get(key, _MISSING)
    ]


def refuse_differences(what: str, lines: Sequence[str], hint: str) -> None:
    """Raise if there are differences between what was recorded and what is there now.

    Args:
        what: What was recorded, such as ``"the run runs/a"``.
        lines: The differences.
        hint: What to do where there are some.

    Raises:
        RecipeError: There are; the message has them.
    """
    if lines:
        shown = "".join(f"\n  {line}" for line in lines)
        raise RecipeError(f"expected {what} as it was started, received one that differs:{shown}", hint=hint)


def _flat(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
