"""Validation: TOML's types and no others, and messages that name the key."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict

from cnnforge.errors import RecipeError
from cnnforge.recipe.validation import validate


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    depth: int = 1


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    inner: Inner = Inner()
    sizes: tuple[int, ...] = ()
    path: Path | None = None
    mode: Literal["a", "b"] = "a"
    number: float = 0.0


def test_lists_are_tuples_and_texts_are_paths():
    settings = validate(Settings, {"sizes": [1, 2], "path": "a/b", "number": 3}, "here")
    assert (settings.sizes, settings.path, settings.number) == ((1, 2), Path("a/b"), 3.0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"numbr": 1}, "unknown setting here.numbr. Did you mean 'number'? Known: inner, mode, number, path, sizes"),
        ({"inner": {"dept": 1}}, "unknown setting here.inner.dept. Did you mean 'depth'? Known: depth"),
        ({"inner": {"depth": "1"}}, 'here.inner.depth: expected a valid integer, received depth="1"'),
        ({"inner": 3}, "here.inner: "),
        ({"sizes": [1, 2.5]}, "here.sizes.1: expected a valid integer, received 1=2.5"),
        ({"mode": "c"}, "here.mode: expected 'a' or 'b', received mode=\"c\""),
        ({"number": float("inf")}, "here.number: expected a finite number, received number=Infinity"),
        ({"zzz": 1}, "unknown setting here.zzz. Known: inner, mode, number, path, sizes"),
    ],
)
def test_messages_name_the_key_what_was_expected_and_what_was_received(values, message):
    with pytest.raises(RecipeError) as caught:
        validate(Settings, values, "here")
    assert str(caught.value) == message if message.endswith(("1", "sizes", "depth")) else message in str(caught.value)


def test_further_known_names_are_suggested_too():
    with pytest.raises(RecipeError, match="Did you mean 'image_size'"):
        validate(Settings, {"image_siz": 1}, "data", known=["image_size"])


def test_a_long_value_is_shortened():
    with pytest.raises(RecipeError) as caught:
        validate(Settings, {"number": "x" * 1000}, "here")
    assert len(str(caught.value)) < 200
    assert str(caught.value).endswith("…")
