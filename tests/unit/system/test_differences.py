"""Differences in words."""

from __future__ import annotations

from cnnforge.system.difference import differences


def test_each_value_that_differs_is_named_with_both_values() -> None:
    before = {"recipe": {"epochs": 15, "callbacks": []}, "plugin": {"version": "1.0"}, "gone": 1}
    now = {"recipe": {"epochs": 30, "callbacks": []}, "plugin": {"version": "1.0"}, "new": {"a": None}}
    assert differences(before, now) == [
        "recipe.epochs: was 15, is 30",
        "gone: was 1, is nothing",
        "new.a: was nothing, is None",
    ]


def test_equal_is_no_difference() -> None:
    assert differences({"a": {"b": [1, 2]}}, {"a": {"b": [1, 2]}}) == []
