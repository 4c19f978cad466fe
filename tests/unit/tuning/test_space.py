"""From marks and ranges of a recipe to hyperparameters, and from a trial's values to a recipe."""

from __future__ import annotations

import pytest

from cnnforge.errors import RecipeError
from cnnforge_tuning import space as spaces
from tests.unit.tuning.conftest import make_plan


def test_a_list_becomes_a_hyperparameter_for_each_element():
    space = make_plan().space
    assert [h.name for h in space] == [
        "architecture.filters[0]", "architecture.filters[1]", "architecture.filters[2]", "training.learning_rate",
    ]  # fmt: skip
    assert [h.default for h in space] == [16, 32, 64, 0.001]
    assert spaces.describe_size(space) == "4,096 configurations times a continuum"


def test_values_make_the_recipe_of_a_trial():
    planned = make_plan("tuning.search=['architecture.filters','training.learning_rate','training.batch_size']")
    values = spaces.defaults(planned.space) | {"architecture.filters[1]": 128, "training.batch_size": 32}
    recipe = spaces.recipe_of(planned.recipe, planned.space, values)
    assert recipe.architecture.model_extra["filters"] == [16, 128, 64]
    assert (recipe.training.batch_size, recipe.training.learning_rate) == (32, 0.001)
    assert recipe.data == planned.recipe.data
    assert spaces.describe(values) == "filters 16 128 64, learning_rate 0.001, batch_size 32"


@pytest.mark.parametrize(
    ("override", "words", "size"),
    [
        ("training.learning_rate={low=0.0003}", "0.0003 to 0.01, log", None),
        ("training.learning_rate={values=[0.001, 0.01]}", "0.001 | 0.01", 2),
        ("training.learning_rate={low=0.5, high=1.0, step=0.25, log=false}", "0.5 to 1, step 0.25", 3),
        ("training.batch_size={low=16, high=64, step=16}", "16 to 64, step 16", 4),
        ("training.epochs={low=2, high=4}", "2 to 4", 3),
        ("training.optimizer={values=['adam', 'rmsprop']}", "adam | rmsprop", 2),
        ("architecture.dropout={low=0.0, high=0.9}", "0 to 0.9", None),
    ],
)
def test_a_recipe_states_its_own_range(override, words, size):
    key = override.partition("=")[0]
    (hyperparameter,) = make_plan(f"tuning.search=['{key}']", f"tuning.space.{override}").space
    assert (hyperparameter.name, hyperparameter.space.describe()) == (key, words)
    assert spaces.num_configurations([hyperparameter]) == size


def test_a_range_of_a_list_is_that_of_each_element():
    space = make_plan("tuning.space.architecture.filters={low=32, high=64, step=16}").space
    assert space[0].space.describe() == "32 to 64, step 16"
    assert spaces.num_configurations(space[:3]) == 27


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["tuning.search=['architecture.filtres']"], "no search space. Did you mean 'architecture.filters'"),
        (["tuning.search=['training.epochs']"], "'training.epochs' has no search space"),
        (["tuning.search=['data.image_size']"], "no search space"),
        (["tuning.space.training.batch_size={low=1,high=2}"], "'training.batch_size' is not searched"),
        (["tuning.space.training.learning_rate={low=1.0}"], "expected low up to high"),
        (["tuning.space.training.learning_rate={low=0.0}"], "above 0 if log"),
        (["tuning.space.training.learning_rate={high=0.1, values=[1.0]}"], "expected values or a range"),
        (["tuning.space.training.learning_rate={lo=0.1}"], "unknown setting tuning.space.training.learning_rate.lo"),
        (["tuning.space.architecture.filters={low=8.5}"], "expected whole numbers"),
        (["tuning.space.architecture.filters={low=-8}"], "tuning.space.architecture.filters: architecture.filters.0"),
        (
            ["tuning.search=['architecture.dropout']", "tuning.space.architecture.dropout={high=1.0}"],
            "tuning.space.architecture.dropout: architecture.dropout: expected less than 1",
        ),
        (
            ["tuning.search=['training.optimizer']", "tuning.space.training.optimizer={values=['adma']}"],
            "tuning.space.training.optimizer: .*Did you mean",
        ),
        (
            ["tuning.search=['training.batch_size']", "tuning.space.training.batch_size={low=8}"],
            "expected low and high",
        ),
    ],
)
def test_what_cannot_be_searched_is_said(overrides, message):
    with pytest.raises(RecipeError, match=message):
        make_plan(*overrides)


def test_corners_are_the_recipe_all_smallest_all_largest_and_each_extreme():
    space = make_plan("tuning.search=['architecture.dense_units','architecture.kernel_size']").space
    found = [tuple(corner.values()) for corner in spaces.corners(space)]
    assert found[:3] == [(512, 3), (128, 3), (512, 5)]
    assert set(found) == {(512, 3), (128, 3), (512, 5), (256, 3)}


def test_inside_is_what_every_hyperparameter_contains():
    space = make_plan().space
    values = spaces.defaults(space)
    assert spaces.is_inside(space, values)
    assert not spaces.is_inside(space, values | {"architecture.filters[0]": 9})
    assert not spaces.is_inside(space, values | {"architecture.filters[3]": 8})
