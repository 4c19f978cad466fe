"""What a study is, and what must not change while it goes on."""

from __future__ import annotations

import json

import pytest

from cnnforge.errors import BusyError, RecipeError, StorageError
from cnnforge_tuning.study_dir import (
    StudyDir,
    as_begun,
    changes,
    check_same,
    check_settings_same,
    forked,
    held,
    identity,
    study_dir,
)
from tests.unit.tuning.conftest import make_plan


def make(path, *overrides, data="f00d"):
    planned = make_plan(*overrides)
    return planned, identity(planned.resolved, planned.space, data)


@pytest.fixture
def started(tmp_path):
    directory = StudyDir(tmp_path / "s")
    with held(directory):
        directory.update(identity=make(tmp_path)[1])
    return directory


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("tuning.space.training.learning_rate={high=0.1}", "space.training.learning_rate: was 0.0001 to 0.01, log, is"),
        ("tuning.search=['training.learning_rate']", "space.architecture.filters[0]: was 8 to 128, step 8, is nothing"),
        ("architecture.filters=[8,8]", "recipe.architecture.filters: was [16, 32, 64], is [8, 8]"),
        ("tuning.algorithm=random", "tuning.algorithm: was bayesian, is random"),
        ("tuning.objective=val_loss", "tuning.objective: was val_accuracy, is val_loss"),
        ("tuning.seed=1", "tuning.seed: was 0, is 1"),
        ("training.epochs=3", "recipe.training.epochs: was 15, is 3"),
        ("training.seed=1", "recipe.training.seed: was 0, is 1"),
    ],
)
def test_a_change_of_what_was_searched_is_refused_with_what_differs(started, tmp_path, override, line):
    planned, now = make(tmp_path, override)
    with pytest.raises(RecipeError) as caught:
        check_same(started, now)
    assert line in str(caught.value)
    assert "--fork" in caught.value.hint
    with pytest.raises(RecipeError):
        check_settings_same(started, planned.resolved, planned.space)


def test_other_images_are_refused(started, tmp_path):
    assert changes(started, make(tmp_path, data="beef")[1]) == ["data: was f00d, is beef"]


@pytest.mark.parametrize(
    "override", ["tuning.trials=99", "tuning.confirm=0", "tuning.keep=9", "tuning.pruning=median",
                 "tuning.trial_time_limit_seconds=9.0", "data.path='/elsewhere'", "executor.workers=4"],
)  # fmt: skip
def test_what_changes_no_result_may_change(started, tmp_path, override):
    check_same(started, make(tmp_path, override)[1])


@pytest.mark.parametrize(
    ("recipe", "method"), [("format = 1\n", "threshold"), ("format = 2\n", "count"), (None, "count")]
)
def test_a_study_goes_on_with_the_splits_that_it_was_begun_with(started, tmp_path, recipe, method):
    planned, now = make(tmp_path)
    if recipe is not None:
        started.recipe.write_text(recipe)
    begun = as_begun(started, planned.resolved)
    assert begun.recipe.split_method == method
    assert identity(begun, planned.space, "f00d") == now


def test_two_at_a_time_are_refused(tmp_path):
    directory = StudyDir(tmp_path / "s")
    with held(directory), pytest.raises(BusyError, match="nobody is writing"), held(directory):
        pass
    with held(directory):
        pass


def test_a_study_of_a_newer_format_and_a_damaged_one_are_refused(tmp_path):
    directory = StudyDir(tmp_path)
    directory.study.write_text(json.dumps({"format": 2}))
    with pytest.raises(StorageError, match="format=2"):
        directory.read()
    directory.study.write_text("{")
    with pytest.raises(StorageError, match="cannot read"):
        directory.read()


def test_a_fork_takes_the_first_free_name(tmp_path):
    (tmp_path / "s-2").mkdir()
    assert forked(StudyDir(tmp_path / "s")).path == tmp_path / "s-3"


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b"])
def test_a_name_is_that_of_a_folder(tmp_path, name):
    with pytest.raises(RecipeError, match="--name"):
        study_dir(tmp_path, name)
