"""Inputs whose danger is success: CNNForge does what is right, or refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reliability.silent import (
    CASES,
    REFUSED,
    RIGHT,
    WRONG,
    Case,
    draw,
    image_case,
    our_labels_are_right,
    their_labels_are_right,
    verdict,
)
from tests.unit.data.image_cases import JPEG, UPRIGHT

pytestmark = pytest.mark.slow

RIGHTLY_REFUSED = {"DIR04", "DIR15", "MOD03", "TUN12", "TUN13"}
"""The cases in which nothing right can be done; all others have to be got right."""


@pytest.mark.parametrize("case", CASES, ids=str)
def test_nothing_is_wrong_without_a_word(case: Case) -> None:
    found = verdict(case.ours)
    assert found.startswith(REFUSED if case.name[:5] in RIGHTLY_REFUSED else RIGHT), found


def test_where_nothing_is_wrong_both_sides_are_right(tmp_path: Path) -> None:
    plain = image_case("a plain photograph", JPEG, "jpg", UPRIGHT)
    assert (verdict(plain.ours), verdict(plain.theirs)) == (RIGHT, RIGHT)
    folder = draw(tmp_path / "data", "cat", "dog")
    assert our_labels_are_right(folder)
    assert their_labels_are_right(folder)


def test_the_same_cases_are_wrong_where_nobody_looks() -> None:
    """Plain Keras takes the indices of a palette for grey: a case that nobody can fail would show nothing."""
    (case,) = [case for case in CASES if case.name.startswith("IMG16")]
    assert verdict(case.theirs) == WRONG
