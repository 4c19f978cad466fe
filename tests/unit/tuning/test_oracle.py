"""Keras Tuner's oracles by ask and tell: reproducible, and rebuilt from what is known as if never interrupted."""

from __future__ import annotations

import builtins
import math

import pytest

from cnnforge.errors import CnnforgeError
from cnnforge_tuning.oracle import Oracle, import_keras_tuner
from cnnforge_tuning.space import is_inside
from tests.unit.tuning.conftest import make_plan

ALGORITHMS = ["random", "bayesian", "grid", "hyperband"]
SPACE = ["tuning.space.architecture.filters={low=32,high=64,step=16}", "training.epochs=4",
         "tuning.space.training.learning_rate={values=[0.001, 0.01]}"]  # fmt: skip


def make_oracle(path, algorithm, *overrides):
    planned = make_plan(f"tuning.algorithm={algorithm}", *SPACE, *overrides)
    return planned, make(planned, path)


def make(planned, path):
    return Oracle(planned.algorithm, planned.objective, planned.space, seed=0, epochs=4, folder=path / "kt")


def score(values):
    return 1 - abs(values["architecture.filters[0]"] - 48) / 100 - values["training.learning_rate"]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_oracle_rebuilt_after_any_trial_proposes_what_it_would_have(tmp_path, algorithm):
    _, oracle = make_oracle(tmp_path / "a", algorithm)
    asked = []
    for _ in range(14):
        state, values = oracle.ask("w")
        if state != "RUNNING":
            break
        asked.append(values)
        oracle.tell("w", [score(values)])
    assert len(asked) > 5
    for stopped in (1, 5, len(asked) - 1):
        _, again = make_oracle(tmp_path / f"b{stopped}", algorithm)
        for values in asked[:stopped]:
            again.repeat("w", values)
            again.tell("w", [score(values)])
        assert again.ask("w")[1] == asked[stopped]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_two_at_a_time_are_two_configurations(tmp_path, algorithm):
    planned, oracle = make_oracle(tmp_path, algorithm)
    first, second = oracle.ask("1")[1], oracle.ask("2")[1]
    own = {h.name for h in planned.space}
    for values in (first, second):
        assert is_inside(planned.space, {name: value for name, value in values.items() if name in own})
    assert {k: first[k] for k in own} != {k: second[k] for k in own}


def test_the_recipe_itself_is_the_first_trial_where_its_values_lie_in_the_space(tmp_path):
    _, oracle = make_oracle(tmp_path, "random", "architecture.filters=[32,48,64]")
    assert oracle.ask("w")[1] == {
        "architecture.filters[0]": 32, "architecture.filters[1]": 48, "architecture.filters[2]": 64,
        "training.learning_rate": 0.001,
    }  # fmt: skip


@pytest.mark.parametrize("algorithm", ["random", "grid"])
def test_a_small_space_is_searched_to_its_end_each_configuration_once(tmp_path, algorithm):
    planned, oracle = make_oracle(tmp_path, algorithm, "tuning.search=['training.learning_rate']",
                                  "tuning.space={training={learning_rate={values=[0.1,0.01,0.001]}}}")  # fmt: skip
    del planned
    found = []
    while (answer := oracle.ask("w"))[0] == "RUNNING":
        found.append(answer[1]["training.learning_rate"])
        oracle.tell("w", [0.5])
    assert sorted(found) == [0.001, 0.01, 0.1]
    assert answer[0] == "STOPPED"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_any_number_of_failures_in_a_row_ends_nothing(tmp_path, algorithm):
    _, oracle = make_oracle(tmp_path, algorithm)
    for _ in range(8):
        state, _ = oracle.ask("w")
        assert state == "RUNNING"
        oracle.tell("w", [])


def test_failures_in_a_round_of_hyperband_do_not_block_it(tmp_path):
    _, oracle = make_oracle(tmp_path, "hyperband")
    rounds = []
    while (answer := oracle.ask("w"))[0] == "RUNNING":
        rounds.append(answer[1]["tuner/round"])
        oracle.tell("w", [] if len(rounds) in (1, 2) else [score(answer[1])])
    assert rounds.count(1) > 0
    assert answer[0] == "STOPPED"


def test_nan_is_not_a_score(tmp_path):
    _, oracle = make_oracle(tmp_path, "bayesian")
    oracle.ask("w")
    oracle.tell("w", [math.nan, 0.5, math.inf])
    oracle.ask("w")
    oracle.tell("w", [math.nan])
    statuses = [(trial.status, trial.score) for trial in oracle._oracle.trials.values()]
    assert statuses == [("COMPLETED", 0.5), ("FAILED", None)]


def test_seed_0_is_a_seed(tmp_path):
    asked = [make_oracle(tmp_path / str(i), "random")[1] for i in range(2)]
    assert asked[0].ask("w") == asked[1].ask("w")


def test_choices_of_any_kind_come_back_as_they_were(tmp_path):
    values = "[[8, 16], [32], [8, 8, 8]]"
    planned, oracle = make_oracle(tmp_path, "grid", "tuning.search=['architecture.filters']",
                                  f"tuning.space={{architecture={{filters={{values={values}}}}}}}")  # fmt: skip
    found = []
    while (answer := oracle.ask("w"))[0] == "RUNNING":
        found.append(answer[1]["architecture.filters"])
        oracle.tell("w", [0.5])
    assert sorted(found) == [[8, 8, 8], [8, 16], [32]]
    assert planned.space[0].space.kind == "choice"


@pytest.mark.parametrize(("module", "package"), [("tensorboard", "tensorboard"), ("sklearn", "scikit-learn")])
def test_what_keras_tuner_needs_and_does_not_ask_for_is_found_missing_at_once(monkeypatch, module, package):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.partition(".")[0] == module:
            raise ImportError(f"No module named {module!r}", name=module)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(CnnforgeError, match=module) as caught:
        import_keras_tuner()
    assert caught.value.hint == f"pip install {package}"
