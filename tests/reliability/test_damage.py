"""Figure 13 in full: it takes seconds."""

from __future__ import annotations

from tests.reliability import storage


def test_all_damage_to_a_store_is_noticed_and_mended() -> None:
    figure = storage.measure(1)
    assert figure.is_met, figure.ours
