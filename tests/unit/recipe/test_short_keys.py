"""Settings by the last part of their keys, and architectures by what they take."""

from __future__ import annotations

import pytest

import cnnforge
from cnnforge.errors import RecipeError, UnknownNameError
from cnnforge.recipe.loading import load_recipe


@pytest.mark.parametrize(
    ("key", "section", "value"),
    [("epochs", "training", 7), ("units", "architecture", 16), ("subset", "data", 0.5), ("trials", "tuning", 3)],
)
def test_the_last_part_of_a_key_will_do(recipe_file, registry, key, section, value):
    recipe = load_recipe(recipe_file(), registry, [(key, value)])
    assert recipe.model_dump()[section][key] == value
    assert load_recipe(recipe_file(), registry, [f"{key}={value}"]) == recipe


def test_one_of_several_is_refused_with_their_names(recipe_file, registry):
    with pytest.raises(RecipeError, match=r"received seed: training\.seed, data\.seed"):
        load_recipe(recipe_file(), registry, ["seed=3"])


def test_an_unknown_one_has_a_close_one(recipe_file, registry):
    with pytest.raises(RecipeError, match=r"unknown setting epoch\. Did you mean 'epochs'\?"):
        load_recipe(recipe_file(), registry, [("epoch", 3)])


def test_values_are_what_they_are_and_not_toml(recipe_file, registry):
    recipe = load_recipe(recipe_file(), registry, [("data.path", "1"), ("optimizer", {"name": "sgd", "momentum": 0.8})])
    assert recipe.data.model_extra == {"path": "1"}
    assert recipe.training.optimizer.arguments == {"momentum": 0.8}


def take(given):
    return {"architecture.units": int(given[1:])} if isinstance(given, str) and given.startswith("u") else None


def test_an_architecture_takes_what_is_given_in_its_place(recipe_file, registry):
    class Taking:
        @cnnforge.hookimpl
        def cnnforge_architectures(self):
            yield cnnforge.ArchitectureSpec(name="other", summary="x", build="nowhere:build", takes=f"{__name__}:take")

    registry.host.register(Taking(), "taking:main")
    recipe = load_recipe(recipe_file(architecture="units = 8"), registry, architecture="u4")
    assert (recipe.architecture.name, recipe.architecture.model_extra) == ("other", {"units": 4})
    assert load_recipe(recipe_file(), registry, architecture="tiny").architecture.name == "tiny"
    with pytest.raises(UnknownNameError, match="unknown architecture 'small'"):
        load_recipe(recipe_file(), registry, architecture="small")
    with pytest.raises(RecipeError, match="received int"):
        load_recipe(recipe_file(), registry, architecture=7)
