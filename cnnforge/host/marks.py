"""Search-space marks: what ``cnnforge tune`` may try for one setting.

A mark stands in the annotation of a field of :class:`cnnforge.Options`, beside the field's bounds::

    dense_units: Annotated[int, Field(ge=1), Tune.choice(128, 256, 512)] = 512
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class SearchSpace(ABC):
    """Base of the four kinds of mark; ``kind`` is the mark's name in :class:`Tune`."""

    kind: ClassVar[str]

    @abstractmethod
    def contains(self, value: Any) -> bool:
        """Return whether ``value`` lies inside the space."""

    @abstractmethod
    def corners(self) -> tuple[Any, ...]:
        """Return the extreme values, which the field's bounds must admit."""

    @abstractmethod
    def num_values(self) -> int | None:
        """Return how many values there are; None for a continuum. Of a list, those of one element."""

    @abstractmethod
    def describe(self) -> str:
        """Return the space in a few characters, for tables."""


@dataclass(frozen=True, slots=True)
class IntRange(SearchSpace):
    """Whole numbers from ``low`` to ``high``, both included, in steps or on a logarithmic scale."""

    kind: ClassVar[str] = "int"

    low: int
    high: int
    step: int = 1
    log: bool = False

    def contains(self, value: Any) -> bool:
        is_int = isinstance(value, int) and not isinstance(value, bool)
        return is_int and self.low <= value <= self.high and (self.log or (value - self.low) % self.step == 0)

    def corners(self) -> tuple[int, ...]:
        return (self.low, self.high)

    def num_values(self) -> int:
        return (self.high - self.low) // (1 if self.log else self.step) + 1

    def describe(self) -> str:
        scale = ", log" if self.log else f", step {self.step}" if self.step != 1 else ""
        return f"{self.low} to {self.high}{scale}"


@dataclass(frozen=True, slots=True)
class FloatRange(SearchSpace):
    """Real numbers from ``low`` to ``high``, both included; ``log`` samples orders of magnitude evenly."""

    kind: ClassVar[str] = "float"

    low: float
    high: float
    step: float | None = None
    log: bool = False

    def contains(self, value: Any) -> bool:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and math.isfinite(value) and self.low <= value <= self.high

    def corners(self) -> tuple[float, ...]:
        return (self.low, self.high)

    def num_values(self) -> int | None:
        if self.low == self.high:
            return 1
        return int((self.high - self.low) / self.step + 1e-9) + 1 if self.step and not self.log else None

    def describe(self) -> str:
        scale = ", log" if self.log else f", step {self.step:g}" if self.step else ""
        return f"{self.low:g} to {self.high:g}{scale}"


@dataclass(frozen=True, slots=True)
class Choice(SearchSpace):
    """One of a few values."""

    kind: ClassVar[str] = "choice"

    values: tuple[Any, ...]

    def contains(self, value: Any) -> bool:
        return any(type(value) is type(v) and value == v for v in self.values)

    def corners(self) -> tuple[Any, ...]:
        return self.values

    def num_values(self) -> int:
        return len(self.values)

    def describe(self) -> str:
        return " | ".join(str(v).lower() if isinstance(v, bool) else str(v) for v in self.values)


@dataclass(frozen=True, slots=True)
class EachInt(SearchSpace):
    """A list as long as the field's present value, each element drawn from ``item`` on its own."""

    kind: ClassVar[str] = "each_int"

    item: IntRange

    def contains(self, value: Any) -> bool:
        return isinstance(value, tuple | list) and all(self.item.contains(v) for v in value)

    def corners(self) -> tuple[tuple[int, ...], ...]:
        return ((self.item.low,), (self.item.high,))

    def num_values(self) -> int:
        return self.item.num_values()

    def describe(self) -> str:
        return f"each {self.item.describe()}"


class Tune:
    """The marks, by the names that authors write."""

    @staticmethod
    def int(low: int, high: int, *, step: int = 1, log: bool = False) -> IntRange:
        """Return a mark for whole numbers from ``low`` to ``high``."""
        return IntRange(low, high, step, log)

    @staticmethod
    def float(low: float, high: float, *, step: float | None = None, log: bool = False) -> FloatRange:
        """Return a mark for real numbers from ``low`` to ``high``."""
        return FloatRange(low, high, step, log)

    @staticmethod
    def choice(*values: Any) -> Choice:
        """Return a mark for one of ``values``."""
        return Choice(values)

    @staticmethod
    def boolean() -> Choice:
        """Return a mark for on or off."""
        return Choice((False, True))

    @staticmethod
    def each_int(low: int, high: int, *, step: int = 1) -> EachInt:  # type: ignore[valid-type]
        """Return a mark for a list of whole numbers, each from ``low`` to ``high``."""
        return EachInt(IntRange(low, high, step))
