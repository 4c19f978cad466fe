"""Any recipe comes back from its file as it was; any mistake in one is a recipe error and nothing else."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import HealthCheck, event, given, settings, strategies as st

from cnnforge.errors import RecipeError
from cnnforge.host.registry import Registry
from cnnforge.recipe.loading import load_recipe, recipe_from_values
from cnnforge.recipe.resolving import resolve
from tests.properties.recipes import mistaken, recipes, strange, texts

one_file = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(recipes)
@settings(max_examples=600)
def test_a_recipe_is_the_same_after_having_been_written_and_read(values: dict[str, Any]) -> None:
    found = recipe_from_values(values, "default", "here")
    text = found.to_toml()
    again = recipe_from_values(tomllib.loads(text), "other", "there")
    assert again == found
    assert again.to_toml() == text


@given(mistaken())
@settings(max_examples=1000)
def test_a_mistake_in_any_key_is_a_recipe_error(small_registry: Registry, values: dict[str, Any]) -> None:
    try:
        resolved = resolve(recipe_from_values(values, "default", "here"), small_registry)
    except RecipeError as error:
        event("refused")
        assert str(error)
    else:
        event("accepted")
        again = recipe_from_values(tomllib.loads(resolved.recipe.to_toml()), "default", "here")
        assert again.to_toml() == resolved.recipe.to_toml()


@given(st.sampled_from(["data", "training", "architecture.units", "tuning.space.a", "name", ""]), texts, strange)
@settings(max_examples=500)
def test_an_override_changes_a_recipe_or_is_a_recipe_error(
    small_registry: Registry, tmp_path_factory: pytest.TempPathFactory, section: str, key: str, value: Any
) -> None:
    written = tomli_w.dumps({"value": value}).removeprefix("value = ").strip()
    try:
        load_recipe(str(_written(tmp_path_factory)), small_registry, [f"{section}.{key}={written}"])
    except RecipeError as error:
        assert str(error)


def _written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.getbasetemp() / "recipe.toml"
    path.write_text('[data]\nsource = "photos"\n[architecture]\nname = "tiny"\n', encoding="utf-8")
    return path


@given(st.binary(max_size=200) | texts.map(str.encode))
@one_file
def test_a_file_of_anything_is_a_recipe_error(small_registry: Registry, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(RecipeError):
        load_recipe(str(path), small_registry)
