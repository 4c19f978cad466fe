"""What is said of an image: its classes, the most probable first, and the JSON of ``predict`` and ``serve``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

Ranked = Sequence[tuple[str, float]]
"""Classes with their probabilities, the most probable first; empty where there is no prediction."""


def rank(probabilities: np.ndarray | None, class_names: Sequence[str]) -> Ranked:
    """Return the classes, the most probable first; nine digits of a probability are enough for every bit of a float32.

    Args:
        probabilities: Of every class, shape (classes,); None where there is no prediction.
        class_names: In the same order.
    """
    if probabilities is None:
        return ()
    pairs = zip(class_names, (float(f"{p:.9g}") for p in probabilities), strict=True)
    return sorted(pairs, key=lambda pair: -pair[1])


def answer(name: str, ranked: Ranked, top: int | None = None) -> dict[str, Any]:
    """Return the JSON object of an image: its name, the most probable class, and the first ``top`` classes or all."""
    predicted, probability = ranked[0]
    return {"name": name, "predicted": predicted, "probability": probability, "probabilities": dict(ranked[:top])}
