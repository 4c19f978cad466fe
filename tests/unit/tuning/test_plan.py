"""What is refused before anything is imported or trained."""

from __future__ import annotations

from dataclasses import replace

import keras_tuner
import pytest

from cnnforge.errors import RecipeError
from cnnforge.recipe.schema import FineTuningSection
from cnnforge_tuning.plan import plan
from tests.unit.tuning.conftest import built_in, make_plan

SMALL = ["tuning.search=['training.batch_size']", "tuning.algorithm=hyperband"]


def test_nothing_to_search_is_said():
    with pytest.raises(RecipeError, match=r"tuning.search=\[\]"):
        make_plan("tuning.search=[]")


def test_hyperband_needs_a_space_that_fills_its_brackets():
    with pytest.raises(RecipeError, match=r"at least 62 configurations for hyperband with training\.epochs=30.* of 4"):
        make_plan(*SMALL, "training.epochs=30")
    assert make_plan(*SMALL, "training.epochs=2", "tuning.space.training.batch_size={values=[1,2,3,4]}")


def test_hyperband_prunes_by_itself():
    with pytest.raises(RecipeError, match="hyperband prunes by itself"):
        make_plan("tuning.algorithm=hyperband", "tuning.pruning=median")


@pytest.mark.parametrize("settings", [["tuning.algorithm=hyperband"], ["tuning.pruning=median"]])
def test_trials_that_are_stopped_early_are_not_fine_tuned(settings):
    resolved = make_plan(*settings).resolved
    training = resolved.recipe.training.model_copy(update={"fine_tuning": FineTuningSection()})
    tuned = replace(resolved, recipe=resolved.recipe.model_copy(update={"training": training}))
    with pytest.raises(RecipeError, match="expected a search that trains every trial to its end"):
        plan(tuned, built_in())


@pytest.mark.parametrize("epochs", [1, 2, 3, 9, 15, 30, 81])
def test_the_number_of_trials_is_that_of_keras_tuners_hyperband(epochs):
    oracle = keras_tuner.oracles.HyperbandOracle(objective="val_accuracy", max_epochs=epochs)
    brackets = range(oracle._get_num_brackets())
    expected = sum(oracle._get_size(b, r) for b in brackets for r in range(oracle._get_num_rounds(b)))
    assert make_plan("tuning.algorithm=hyperband", f"training.epochs={epochs}").num_trials == expected


@pytest.mark.parametrize(
    ("settings", "measures"),
    [
        ([], None),
        (["tuning.objective=val_loss"], None),
        (["tuning.objective=val_f1_score"], None),
        (["tuning.objective=macro_f1"], ("macro_f1",)),
        (["tuning.objective=val_macro_f1", "training.epoch_measures=['roc_auc']"], ("roc_auc", "macro_f1")),
        (["tuning.objective=roc_auc", "training.epoch_measures=['roc_auc']"], ("roc_auc",)),
    ],
)
def test_trials_take_the_measure_that_is_optimised_after_each_epoch(settings, measures):
    assert make_plan(*settings).recipe.training.epoch_measures == measures
