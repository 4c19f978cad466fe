"""A new study from the finished trials of another."""

from __future__ import annotations

import pytest

from cnnforge_tuning.search import Search
from cnnforge_tuning.study_dir import identity
from cnnforge_tuning.tune import take_over
from tests.unit.tuning.conftest import FakeExecutor, Silent, make_plan, make_study

BASE = ["tuning.algorithm=random", "tuning.trials=5"]


def fork(tmp_path, *overrides, data="f00d"):
    origin = make_study(tmp_path / "s", *BASE)
    Search(origin, FakeExecutor(lambda r: [r["training"]["learning_rate"]]).workers, Silent(), float("inf")).run()
    before = make_plan(*BASE)
    origin.directory.update(identity=identity(before.resolved, before.space, "f00d"))
    now = make_plan(*BASE, *overrides)
    new, view = make_study(tmp_path / "n", *BASE, *overrides), Silent()
    take_over(new, origin.directory, identity(now.resolved, now.space, data), view)
    return origin, new, view


def test_finished_trials_inside_the_new_space_are_taken_over_and_tried_no_more(tmp_path):
    origin, new, view = fork(tmp_path, "tuning.space.training.learning_rate={high=0.0012}", "tuning.algorithm=bayesian")
    taken = [t for t in origin.trials.values() if t.values["training.learning_rate"] <= 0.0012]
    assert 0 < len(taken) < 5
    assert [t.values for t in new.trials.values()] == [t.values for t in taken]
    assert [t.origin for t in new.trials.values()] == [f"s/{t.id}" for t in taken]
    assert f"{len(taken)} of 5 trials" in view.said[0]
    again = make_study(tmp_path / "n", *BASE, "tuning.space.training.learning_rate={high=0.0012}",
                       "tuning.algorithm=bayesian")  # fmt: skip
    assert [t.history for t in again.trials.values()] == [t.history for t in taken]


def test_another_objective_takes_its_own_figures_from_the_trials(tmp_path):
    origin, new, _ = fork(tmp_path, "tuning.objective=val_loss")
    assert [t.history for t in new.trials.values()] == [
        pytest.approx([1 - t.history[0]]) for t in origin.trials.values()
    ]


@pytest.mark.parametrize(
    ("overrides", "data", "why"),
    [(["training.epochs=3"], "f00d", "training.epochs: was 15, is 3"), ([], "beef", "data: was f00d"),
     (["tuning.algorithm=grid"], "f00d", "grid makes its own")],
)  # fmt: skip
def test_trials_that_measured_something_else_are_not_taken_over(tmp_path, overrides, data, why):
    _, new, view = fork(tmp_path, *overrides, data=data)
    assert not new.trials
    assert why in view.warned[0]
