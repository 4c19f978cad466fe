"""A search algorithm of somebody else's: a function that returns an oracle is all it takes."""

from __future__ import annotations

import pytest

from cnnforge.errors import PluginError, RecipeError, UnknownNameError
from cnnforge.host.plugin_host import PluginHost
from cnnforge.host.registry import Registry
from cnnforge.recipe.loading import load_recipe
from cnnforge.recipe.resolving import resolve
from cnnforge_tuning.plan import plan
from cnnforge_tuning.search import Search
from cnnforge_tuning.study import Study
from cnnforge_tuning.study_dir import StudyDir
from tests.unit.tuning.conftest import FakeExecutor, Silent

SOURCE = """
import cnnforge
from cnnforge.errors import RecipeError

@cnnforge.hookimpl
def cnnforge_search_algorithms():
    yield cnnforge.SearchAlgorithmSpec(name="mine", summary="The middle, then down", oracle="acme:mine")
    yield cnnforge.SearchAlgorithmSpec(name="free", summary="The same", oracle="acme:mine", accepts_trials=True)
    yield cnnforge.SearchAlgorithmSpec(name="whole", summary="In rounds", oracle="acme:mine", rounds="acme:rounds")
    yield cnnforge.SearchAlgorithmSpec(name="none", summary="No oracle", oracle="acme:nothing")
    yield cnnforge.SearchAlgorithmSpec(name="late", summary="Fails when asked", oracle="acme:late")

def mine(*, epochs, **arguments):
    from keras_tuner.engine.oracle import Oracle

    class Mine(Oracle):
        def populate_space(self, trial_id):
            values = {hp.name: hp.default if not self.trials else hp.prob_to_value(0.9 / len(self.trials))
                      for hp in self.hyperparameters.space}
            return {"status": "RUNNING", "values": values}

    return Mine(**arguments)

def late(*, epochs, **arguments):
    oracle = mine(epochs=epochs, **arguments)
    oracle.populate_space = lambda trial_id: 1 / 0
    return oracle

def nothing(**arguments):
    return "oracle"

def rounds(epochs, num_configurations):
    if num_configurations is not None:
        raise RecipeError("expected a continuum")
    return epochs + 2
"""


@pytest.fixture
def planned(site):
    site.install("acme", SOURCE)

    def make(*overrides):
        registry = Registry(PluginHost.discover())
        return plan(resolve(load_recipe("catsdogs", registry, overrides), registry), registry)

    return make


def search(path, planned, num_failing=0):
    path.mkdir(exist_ok=True)
    study, asked = Study(StudyDir(path), planned), []

    def score(recipe):
        asked.append(recipe)
        fails = len(asked) in range(2, 2 + num_failing)
        return {"kind": f"E{len(asked)}", "reason": "no"} if fails else [recipe["training"]["learning_rate"]]

    Search(study, FakeExecutor(score).workers, Silent(), float("inf")).run()
    return [trial.values for trial in study.trials.values()]


def test_it_chooses_the_trials_and_goes_on_where_it_was(planned, tmp_path):
    whole = search(tmp_path / "whole", planned("tuning.algorithm=mine", "tuning.trials=5"))
    search(tmp_path / "parts", planned("tuning.algorithm=mine", "tuning.trials=2"))
    parts = search(tmp_path / "parts", planned("tuning.algorithm=mine", "tuning.trials=5"))
    assert len(whole) == 5
    assert parts == whole
    assert len({values["training.learning_rate"] for values in whole}) == 5


def test_failures_do_not_end_it(planned, tmp_path):
    assert len(search(tmp_path / "s", planned("tuning.algorithm=mine", "tuning.trials=7"), num_failing=5)) == 7


def test_the_recipe_itself_is_the_first_trial_of_one_that_accepts_trials(planned, tmp_path):
    own = {"architecture.filters[0]": 32, "architecture.filters[1]": 48, "architecture.filters[2]": 64,
           "training.learning_rate": 0.001}  # fmt: skip
    settings = ["architecture.filters=[32,48,64]", "training.learning_rate=0.001", "tuning.trials=2"]
    assert search(tmp_path / "free", planned("tuning.algorithm=free", *settings))[0] == own


def test_one_with_rounds_counts_its_trials_and_prunes_by_itself(planned):
    found = planned("tuning.algorithm=whole", "training.epochs=5")
    assert (found.has_rounds, found.num_trials) == (True, 7)
    with pytest.raises(RecipeError, match="whole prunes by itself"):
        planned("tuning.algorithm=whole", "tuning.pruning=median")
    with pytest.raises(RecipeError, match="expected a continuum"):
        planned("tuning.algorithm=whole", "tuning.search=['training.batch_size']")


@pytest.mark.parametrize(
    ("name", "message"),
    [("none", "expected acme:nothing to return a keras_tuner.Oracle, received str"), ("late", "ZeroDivisionError")],
)
def test_one_that_fails_is_named_with_its_plugin(planned, tmp_path, name, message):
    with pytest.raises(PluginError, match=f"search algorithm '{name}' of plugin acme:main.*{message}"):
        search(tmp_path / "s", planned(f"tuning.algorithm={name}"))


def test_an_unknown_one_is_a_mistake_in_the_recipe(planned):
    with pytest.raises(UnknownNameError, match=r"unknown search algorithm 'mien'\. Did you mean 'mine'"):
        planned("tuning.algorithm=mien")
