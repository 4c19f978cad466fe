"""Fresh seeds, intervals, and the sentence at the end."""

from __future__ import annotations

import json

import pytest

from cnnforge_tuning import results
from cnnforge_tuning.confirmation import Confirmed, confirm, verdict
from cnnforge_tuning.search import Search
from tests.unit.tuning.conftest import FakeExecutor, Silent, make_study

STUDY = ["tuning.algorithm=random", "tuning.trials=4", "tuning.confirm=2", "tuning.confirm_seeds=3"]


def by_filters(recipe):
    return [recipe["architecture"]["filters"][2] / 200 + recipe["training"]["seed"] / 1000]


def confirmed(name, accuracy):
    return Confirmed(name, {}, [1, 2, 3][: len(accuracy)], accuracy, accuracy, 0)


def run(tmp_path, score=by_filters, *overrides):
    study = make_study(tmp_path / "s", *STUDY, *overrides)
    Search(study, FakeExecutor(score).workers, Silent(), float("inf")).run()
    executor = FakeExecutor(score)
    return study, executor, confirm(study, executor.workers, Silent())


def test_the_best_and_the_default_are_trained_on_seeds_the_search_never_used(tmp_path):
    study, executor, found = run(tmp_path)
    best = [trial.id for trial in study.distinct_ranking()[:2] if trial.id != "0000"]
    assert {item.name for item in found} == {*best, "default"}
    assert all(item.seeds == [1, 2, 3] for item in found)
    assert len(executor.trained) == 3 * len(found)
    assert found[0].objective == max(found, key=lambda c: sum(c.objective)).objective
    weights = {path.parent.name.partition("-")[0] for path in study.directory.confirmation.glob("*/model.keras")}
    assert weights == {found[0].name}


def test_what_was_trained_before_an_interruption_is_not_trained_again(tmp_path):
    study, _, found = run(tmp_path)
    executor = FakeExecutor(by_filters)
    assert confirm(study, executor.workers, Silent()) == found
    assert executor.trained == []


def test_the_winner_is_chosen_by_the_objective_and_not_by_the_test_images(tmp_path):
    study, _, found = run(tmp_path)
    for directory in study.directory.confirmation.iterdir():
        accuracy = 0.1 if directory.name.startswith(found[0].name) else 0.9
        (directory / "evaluation.json").write_text(json.dumps({"accuracy": accuracy}))
    assert confirm(study, FakeExecutor(by_filters).workers, Silent())[0].name == found[0].name


def test_best_toml_is_the_winner_as_a_complete_recipe(tmp_path):
    study, _, found = run(tmp_path)
    recipe = results.best_recipe(study, found)
    filters = recipe.architecture.model_extra["filters"]
    assert filters == [found[0].values[f"architecture.filters[{i}]"] for i in range(3)]
    assert (recipe.evaluation.split, recipe.training.seed) == ("test", 0)


def test_a_training_that_fails_is_left_out_and_counted(tmp_path):
    def score(recipe):
        is_bad = recipe["training"]["seed"] == 2
        return {"kind": "ValueError", "reason": "no", "cause": ""} if is_bad else by_filters(recipe)

    _, _, found = run(tmp_path, score)
    assert all((item.seeds, item.num_failed) == ([1, 3], 1) for item in found)


@pytest.mark.parametrize(
    ("best", "default", "words"),
    [
        ([0.80, 0.82, 0.81], [0.70, 0.71, 0.72], "better than the default by +"),
        ([0.80, 0.82, 0.81], [0.79, 0.83, 0.81], "not distinguishable from the default"),
        ([0.60, 0.61, 0.62], [0.70, 0.71, 0.72], "worse than the default"),
        ([0.80], [0.70], "raise tuning.confirm_seeds"),
        ([0.92, 0.92, 0.92], [0.90, 0.90, 0.90], "+2.0 points apart: figures that do not vary tell nothing of chance"),
    ],
)
def test_the_verdict_follows_from_the_interval(best, default, words):
    assert words in verdict(confirmed("0003", best), confirmed("default", default))


def test_a_default_that_wins_is_said_to():
    default = confirmed("default", [0.8, 0.8])
    assert "No configuration" in verdict(default, default)
