"""Search-space marks: what lies inside, the extremes, and the words for tables."""

from __future__ import annotations

import pytest

from cnnforge import Tune


@pytest.mark.parametrize(
    ("space", "inside", "outside"),
    [
        (Tune.int(8, 32, step=8), (8, 16, 32), (9, 0, 40, 8.0, True, "8")),
        (Tune.int(1, 1000, log=True), (1, 7, 1000), (0, 1001)),
        (Tune.float(0.0, 0.5), (0, 0.25, 0.5), (-0.1, 0.6, float("nan"), float("inf"), True, "0.1")),
        (Tune.choice(3, 5), (3, 5), (4, 3.0, "3")),
        (Tune.choice(1, 2), (1,), (True,)),
        (Tune.boolean(), (True, False), (0, 1, "true")),
        (Tune.each_int(8, 64, step=8), ((8,), [16, 64], ()), ((9,), (8, 72), 8, "88")),
    ],
    ids=lambda value: value.describe() if hasattr(value, "describe") else "",
)
def test_contains(space, inside, outside):
    assert [value for value in inside if not space.contains(value)] == []
    assert [value for value in outside if space.contains(value)] == []


@pytest.mark.parametrize(
    ("space", "kind", "corners", "words"),
    [
        (Tune.int(8, 128, step=8), "int", (8, 128), "8 to 128, step 8"),
        (Tune.int(1, 9), "int", (1, 9), "1 to 9"),
        (Tune.int(1, 1000, log=True), "int", (1, 1000), "1 to 1000, log"),
        (Tune.float(1e-4, 1e-2, log=True), "float", (1e-4, 1e-2), "0.0001 to 0.01, log"),
        (Tune.float(0, 1, step=0.25), "float", (0, 1), "0 to 1, step 0.25"),
        (Tune.choice("a", "b"), "choice", ("a", "b"), "a | b"),
        (Tune.boolean(), "choice", (False, True), "false | true"),
        (Tune.each_int(8, 64, step=8), "each_int", ((8,), (64,)), "each 8 to 64, step 8"),
    ],
)
def test_kind_corners_and_words(space, kind, corners, words):
    assert (space.kind, space.corners(), space.describe()) == (kind, corners, words)
    assert all(space.contains(corner) for corner in space.corners())
