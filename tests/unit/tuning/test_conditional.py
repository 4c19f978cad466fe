"""Search spaces of an architecture's own: what a function asks for when is found by calling it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cnnforge.errors import PluginError, RecipeError
from cnnforge.host.marks import Choice, FloatRange, IntRange
from cnnforge.host.plugin_host import PluginHost
from cnnforge.host.registry import Registry
from cnnforge.recipe.loading import load_recipe
from cnnforge.recipe.resolving import resolve
from cnnforge_tuning import space as spaces
from cnnforge_tuning.conditional import Drawing, check, discover, draws
from cnnforge_tuning.oracle import Oracle
from cnnforge_tuning.plan import plan
from tests.e2e.conditional import StackOptions, search_space

SOURCE = (Path(__file__).parents[2] / "e2e" / "conditional.py").read_text(encoding="utf-8")


def drawing(function: Any = search_space) -> Drawing:
    return Drawing("architecture 'stack' of plugin acme:stack", function)


def texts(function: Any) -> dict[str, str]:
    return {h.label: h.text for h in discover(drawing(function))}


@pytest.fixture
def planned(site):
    site.install("acme-stack", SOURCE, module="conditional")

    def make(*overrides: str) -> Any:
        registry = Registry(PluginHost.discover())
        settings = ["architecture.name=stack", "tuning.search=['architecture', 'training.learning_rate']", *overrides]
        loaded = load_recipe("directory-cnn", registry, ["data.path='.'", *settings], architecture="stack")
        return plan(resolve(loaded, registry), registry)

    return make


def test_loops_and_conditions_are_found_with_the_values_they_depend_on():
    assert texts(search_space) == {
        "num_blocks": "1 to 3", "filters_0": "4 to 12, step 4", "head": "average | dense",
        "filters_1": "4 to 12, step 4; if num_blocks is 2 | 3", "filters_2": "4 to 12, step 4; if num_blocks is 3",
        "units": "4 | 8; if head is dense",
    }  # fmt: skip


def test_keras_tuners_own_conditional_scopes_are_found_too():
    def scoped(hp):
        kind = hp.Choice("kind", ["a", "b"])
        with hp.conditional_scope("kind", ["b"]):
            depth = hp.Int("depth", 1, 2)
        with hp.conditional_scope("kind", ["b"]), hp.conditional_scope("depth", [2]):
            second = hp.Boolean("second")
        return {"head": "dense" if kind == "b" and depth and second else "average"}

    assert texts(scoped) == {
        "kind": "a | b", "depth": "1 to 2; if kind is b", "second": "true | false; if kind is b and depth is 2",
    }  # fmt: skip


def test_every_kind_of_hyperparameter_becomes_the_mark_it_is():
    def kinds(hp):
        hp.Fixed("fixed", 3)
        hp.Float("rate", 1e-4, 1e-2, sampling="log")
        hp.Float("share", 0.0, 0.5, step=0.25)
        hp.Int("wide", 1, 1000, sampling="log")
        hp.Int("doubling", 2, 16, step=2, sampling="log")
        hp.Int("odd", 1, 10, step=4)
        return {}

    assert [h.space for h in discover(drawing(kinds))] == [
        FloatRange(1e-4, 1e-2, None, True), FloatRange(0.0, 0.5, 0.25), IntRange(1, 1000, 1, True),
        Choice((2, 4, 8, 16)), IntRange(1, 9, 4),
    ]  # fmt: skip


def test_what_is_drawn_is_what_counts_and_makes_a_recipe(planned):
    found = planned()
    values = {"architecture.num_blocks": 1, "architecture.head": "dense", "architecture.filters_2": 8}
    complete = spaces.completed(found.space, values)
    assert complete == {
        "architecture.num_blocks": 1, "architecture.filters_0": 4, "architecture.head": "dense",
        "architecture.units": 4, "training.learning_rate": 0.001,
    }  # fmt: skip
    assert spaces.is_inside(found.space, complete)
    assert not spaces.is_inside(found.space, complete | {"architecture.filters_2": 8})
    changed = spaces.recipe_of(found.recipe, found.space, complete | {"training.learning_rate": 0.01})
    assert changed.architecture.model_extra == {"filters": [4], "head": "dense", "units": 4}
    assert changed.training.learning_rate == 0.01
    assert spaces.recipe_of(found.recipe, found.space, spaces.defaults(found.space)) == found.recipe
    assert spaces.describe_size(found.space) == "at most 324 configurations times a continuum"


def test_corners_reach_what_only_counts_under_conditions(planned):
    found = planned()
    corners = list(spaces.corners(found.space))
    assert all(spaces.is_inside(found.space, corner) for corner in corners[1:])
    for h in found.space:
        assert {corner[h.name] for corner in corners if h.name in corner} >= set(h.space.corners())


@pytest.mark.parametrize("algorithm", ["random", "bayesian", "grid", "hyperband"])
def test_every_oracle_proposes_what_counts_and_is_rebuilt_from_it(planned, tmp_path, algorithm):
    found = planned(f"tuning.algorithm={algorithm}", "training.epochs=3")

    def make(name: str) -> Oracle:
        return Oracle(found.algorithm, found.objective, found.space, seed=0, epochs=3, folder=tmp_path / name)

    first, again, asked = make("a"), make("b"), []
    for number in range(8):
        state, values = first.ask("w")
        if state != "RUNNING":  # few trials make up Hyperband's brackets
            break
        own = {name: value for name, value in values.items() if not name.startswith("tuner/")}
        assert spaces.is_inside(found.space, own)
        asked.append(values)
        first.tell("w", [number / 10])
    assert len({len(values) for values in asked}) > 1 or algorithm == "grid"
    for number, values in enumerate(asked[:-1]):
        again.repeat("w", values)
        again.tell("w", [number / 10])
    assert again.ask("w")[1] == asked[-1]


def test_draws_are_inside_and_the_same_every_time():
    space = discover(drawing())
    assert draws(space, 50) == draws(space, 50)
    assert all(spaces.is_inside(space, values) for values in draws(space, 50))
    check(drawing(), space, StackOptions)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda hp: 1 / 0, "search_space fails at its defaults: ZeroDivisionError"),
        (lambda hp: hp.Choice("head", ["average"]), "search_space fails"),
        (lambda hp: {"units": hp.Int("units", 0, 8)}, "what is refused: architecture.units: expected greater than"),
        (lambda hp: {"unit": hp.Int("unit", 1, 8)}, "unknown setting architecture.unit. Did you mean 'units'"),
        (lambda hp: hp.Float("x", 0.1, 1, sampling="reverse_log") and {}, "reverse_log"),
    ],
)
def test_a_function_that_is_faulty_is_named_with_its_plugin(function, message):
    with pytest.raises(PluginError, match=r"^architecture 'stack' of plugin acme:stack: ") as caught:
        check(drawing(function), discover(drawing(function)), StackOptions)
    assert message in str(caught.value)


def test_a_hyperparameter_that_hangs_on_two_others_at_once_is_refused():
    def tangled(hp):
        first, second = hp.Boolean("first"), hp.Boolean("second")
        if first != second:
            hp.Int("third", 1, 2)
        return {}

    with pytest.raises(PluginError, match=r"asks for architecture\.third at some values of several others together"):
        check(drawing(tangled), discover(drawing(tangled)), StackOptions)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["tuning.search=['architecture', 'architecture.units']"], "leave out architecture.units"),
        (["tuning.space.architecture.units={low=1, high=2}"], "'architecture.units' is not searched"),
    ],
)
def test_the_whole_and_its_parts_are_not_searched_together(planned, overrides, message):
    with pytest.raises(RecipeError) as caught:
        planned(*overrides)
    assert message in f"{caught.value} {caught.value.hint}"


def test_an_architecture_without_one_says_so():
    registry = Registry(PluginHost.discover({"CNNFORGE_LOAD_PLUGINS": ""}))
    loaded = load_recipe("catsdogs", registry, ["tuning.search=['architecture']"])
    with pytest.raises(RecipeError, match="'catsdogs_cnn' brings none"):
        resolve(loaded, registry)
