"""Recipes: strict, complete, and the same after a round through TOML."""

from __future__ import annotations

import datetime
import tomllib

import pytest
import tomli_w
from hypothesis import given, settings, strategies as st

from cnnforge.errors import RecipeError, UnknownNameError
from cnnforge.host.plugin_host import PluginHost
from cnnforge.host.registry import Registry
from cnnforge.recipe.loading import apply_override, load_recipe, recipe_from_values
from cnnforge.recipe.resolving import resolve
from cnnforge.recipe.schema import FORMAT_VERSION, Component

# A wrong line of [training] -> what is said of it.
WRONG_TRAINING = {
    "epcohs = 3": "unknown setting training.epcohs. Did you mean 'epochs'?",
    'epochs = "10"': 'training.epochs: expected a valid integer, received epochs="10"',
    "epochs = 3.0": "training.epochs: expected a valid integer, received epochs=3.0",
    "epochs = true": "training.epochs: expected a valid integer, received epochs=true",
    "epochs = -1": "training.epochs: expected greater than or equal to 1, received epochs=-1",
    "epochs = 0": "received epochs=0",
    "learning_rate = nan": "training.learning_rate: expected a finite number, received learning_rate=NaN",
    "learning_rate = inf": "expected a finite number, received learning_rate=Infinity",
    "learning_rate = 0": "training.learning_rate: expected greater than 0, received learning_rate=0",
    "learning_rate = true": "training.learning_rate: expected a valid number, received learning_rate=true",
    'precision = "float16"': "training.precision: expected 'auto', 'float32' or 'bfloat16', received precision=",
    "optimizer = 3": "training.optimizer: ",
    "optimizer = {rho = 0.9}": "missing setting training.optimizer.name",
    "seed = -1": "training.seed: ",
}

WRONG_DATA = {
    "image_size = [0, 150]": "data.image_size.0: expected greater than or equal to 1, received 0=0",
    "image_size = [150, 1000000]": "data.image_size.1: ",
    "image_size = 150": "data.image_size: expected a valid array, received image_size=150",
    "image_size = [150, 150, 3]": "data.image_size: ",
    "validation_fraction = 1.0": "data.validation_fraction: expected less than 1",
    "validation_fraction = 0.5\ntest_fraction = 0.5": "expected validation_fraction + test_fraction below 1",
    "subset = 0": "data.subset: expected greater than 0",
    'strict = "no"': "data.strict: expected a valid boolean",
    'color_mode = "rgba"': "data.color_mode: expected 'rgb' or 'grayscale'",
}


@pytest.mark.parametrize(("line", "message"), WRONG_TRAINING.items(), ids=WRONG_TRAINING)
def test_a_wrong_training_setting_is_named_with_what_was_expected(recipe_file, registry, line, message):
    with pytest.raises(RecipeError) as caught:
        load_recipe(recipe_file(f"[training]\n{line}"), registry)
    assert message in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(("line", "message"), WRONG_DATA.items(), ids=WRONG_DATA)
def test_a_wrong_data_setting_is_named_with_what_was_expected(recipe_file, registry, line, message):
    with pytest.raises(RecipeError) as caught:
        load_recipe(recipe_file(data=line), registry)
    assert message in str(caught.value)


def test_every_mistake_is_reported_at_once(recipe_file, registry):
    with pytest.raises(RecipeError) as caught:
        load_recipe(recipe_file('[training]\nepcohs = 3\nbatch_size = "x"\n[evaluation]\nsplt = "test"'), registry)
    assert len(str(caught.value).splitlines()) == 3


def test_an_unknown_section_is_refused_with_the_close_one(recipe_file, registry):
    with pytest.raises(RecipeError, match=r"unknown setting trainign. Did you mean 'training'\?"):
        resolve(load_recipe(recipe_file("[trainign]\nepochs = 3"), registry), registry)


def test_a_missing_section_is_named(tmp_path, registry):
    path = tmp_path / "mine.toml"
    path.write_text('[data]\nsource = "photos"\n', encoding="utf-8")
    with pytest.raises(RecipeError, match="missing setting architecture"):
        load_recipe(str(path), registry)


def test_a_whole_number_is_a_real_number(recipe_file, registry):
    assert load_recipe(recipe_file("[training]\nlearning_rate = 1"), registry).training.learning_rate == 1.0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[data]\nsource = 'a'\nsource = 'b'\n", "expected TOML: Cannot overwrite a value"),
        (b"[data\n", "expected TOML: "),
        (b"\xff\xfe[data]", "not UTF-8 text"),
        (b"a = " + b"[" * 20_000, "expected TOML: "),
        (b"a = 1" + b"0" * 20_000, "expected TOML: "),
        (b".".join([b"a"] * 5_000) + b" = 1", "received thousands"),
        (f"format = {FORMAT_VERSION + 1}\n[later]\n".encode(), f"received format={FORMAT_VERSION + 1}"),
        (b"format = '1'\n", "format: expected a valid integer"),
        (b"name = 'With Spaces'\n", "name: "),
    ],
)
def test_a_file_that_is_no_recipe_is_refused_with_the_reason(tmp_path, registry, content, message):
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(RecipeError) as caught:
        load_recipe(str(path), registry)
    assert message in str(caught.value)


def test_a_recipe_of_a_newer_format_asks_for_an_upgrade(recipe_file, registry):
    with pytest.raises(RecipeError) as caught:
        load_recipe(recipe_file(head="format = 99"), registry)
    assert caught.value.hint == "it was written by a newer cnnforge: upgrade cnnforge"


@pytest.mark.parametrize(
    "change", [lambda b: b"\xef\xbb\xbf" + b, lambda b: b.replace(b"\n", b"\r\n")], ids=["BOM", "CRLF"]
)
def test_what_editors_on_windows_write_is_read(recipe_file, registry, tmp_path, change):
    plain = load_recipe(recipe_file("[training]\nepochs = 3"), registry)
    path = tmp_path / "mine.toml"
    path.write_bytes(change(path.read_bytes()))
    assert load_recipe(str(path), registry) == plain


@pytest.mark.parametrize(
    ("stem", "name"), [("flowers", "flowers"), ("My Recipe_2", "my-recipe-2"), ("2024", "recipe-2024"), ("é", "recipe")]
)
def test_a_recipe_without_a_name_has_its_file_s(recipe_file, registry, tmp_path, stem, name):
    recipe_file()
    path = (tmp_path / "mine.toml").rename(tmp_path / f"{stem}.toml")
    assert load_recipe(str(path), registry).name == name


def test_a_run_directory_stands_for_its_recipe(recipe_file, registry, tmp_path):
    recipe_file(head='name = "recorded"')
    (tmp_path / "mine.toml").rename(tmp_path / "recipe.toml")
    assert load_recipe(f"{tmp_path}/", registry).name == "recorded"


def test_a_missing_file_and_an_unknown_name_are_different_mistakes(registry, tmp_path):
    with pytest.raises(RecipeError, match=r"received .*none\.toml: No such file"):
        load_recipe(str(tmp_path / "none.toml"), registry)
    with pytest.raises(UnknownNameError, match="unknown recipe 'none'"):
        load_recipe("none", registry)


@pytest.mark.parametrize("name", ["catsdogs", "directory-cnn"])
def test_the_built_in_recipes_survive_a_round_through_toml(tmp_path, name):
    builtin = Registry(PluginHost.discover({"CNNFORGE_LOAD_PLUGINS": ""}))
    recipe = load_recipe(name, builtin)
    path = tmp_path / "again.toml"
    path.write_text(recipe.to_toml(), encoding="utf-8")
    assert load_recipe(str(path), builtin) == recipe


def test_every_shape_of_a_component_survives_a_round_through_toml(recipe_file, registry, tmp_path):
    lines = """
    [training]
    optimizer = { name = "sgd", momentum = 0.9, nesterov = true }
    schedule = { name = "cosine", warmup_epochs = 2 }
    loss = "my.package:Loss"
    metrics = ["accuracy", { name = "AUC", num_thresholds = 100 }]
    callbacks = [{ name = "my.package:Callback", words = ["a\\nb", "c, ]"], nested = [[1, 2], [3]] }]
    """
    recipe = load_recipe(recipe_file(lines), registry)
    path = tmp_path / "again.toml"
    path.write_text(recipe.to_toml(), encoding="utf-8")
    assert load_recipe(str(path), registry) == recipe
    assert recipe.training.optimizer.arguments == {"momentum": 0.9, "nesterov": True}
    assert recipe.training.loss == Component(name="my.package:Loss")


def test_short_lists_and_bare_names_stand_on_one_line(recipe_file, registry):
    lines = load_recipe(recipe_file(data="image_size = [32, 48]"), registry).to_toml().splitlines()
    assert {"image_size = [32, 48]", 'optimizer = "rmsprop"', 'metrics = ["accuracy"]'} <= set(lines)


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("training.epochs=3", 3),
        ("training.epochs = 3 ", 3),
        ("training.epochs=0x10", 16),
        ("training.epochs=1_000", 1000),
        ("training.epochs=-0.5", -0.5),
        ("training.epochs=1e-4", 1e-4),
        ("training.epochs=true", True),
        ("training.epochs='quoted'", "quoted"),
        ('training.epochs="with = and #"', "with = and #"),
        ("training.epochs=bare", "bare"),
        ("training.epochs=", ""),
        ("training.epochs=True", "True"),
        ("training.epochs=/a/path with spaces", "/a/path with spaces"),
        ("training.epochs=a=b", "a=b"),
        ("training.epochs=[16, 32]", [16, 32]),
        ("training.epochs={name = 'sgd', momentum = 0.9}", {"name": "sgd", "momentum": 0.9}),
        ("training.epochs=2024-05-17", datetime.date(2024, 5, 17)),
        ("training.epochs=1\nother = 2", "1\nother = 2"),
    ],
)
def test_an_override_is_toml_or_else_text(override, value):
    values: dict[str, object] = {}
    apply_override(values, override)
    assert values == {"training": {"epochs": value}}


def test_an_override_reaches_into_a_component_written_as_a_name():
    values = {"training": {"optimizer": "rmsprop", "epochs": 1}}
    apply_override(values, "training.optimizer.rho=0.8")
    assert values == {"training": {"optimizer": {"name": "rmsprop", "rho": 0.8}, "epochs": 1}}


@pytest.mark.parametrize("override", ["epochs", "epochs=3", "=3", "training.=3", ".epochs=3", "training..epochs=3"])
def test_an_override_of_another_form_is_refused(override):
    with pytest.raises(RecipeError, match=r"expected --set section\.key=value, received --set"):
        apply_override({}, override)


def test_an_override_cannot_reach_into_a_number():
    with pytest.raises(RecipeError, match="expected epochs to be a table"):
        apply_override({"training": {"epochs": 3}}, "training.epochs.more=1")


def test_overrides_are_checked_like_the_file_and_the_last_one_wins(recipe_file, registry):
    assert load_recipe(recipe_file(), registry, ["training.epochs=3", "training.epochs=4"]).training.epochs == 4
    with pytest.raises(RecipeError, match="Did you mean 'epochs'"):
        load_recipe(recipe_file(), registry, ["training.epcohs=3"])


scalars = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=20)


@given(scalars | st.lists(scalars, max_size=4))
@settings(max_examples=200, deadline=None)
def test_any_toml_value_can_be_set(value):
    written = tomli_w.dumps({"value": value}).removeprefix("value =").strip()
    values: dict[str, object] = {}
    apply_override(values, f"section.key={written}")
    assert values == {"section": {"key": tomllib.loads(f"value = {written}")["value"]}} == {"section": {"key": value}}


@pytest.mark.parametrize(
    ("data", "method"),
    [({}, "threshold"), ({"split_method": "count"}, "count"), ({"test_fraction": 0.3}, "threshold")],
)
def test_a_recipe_of_format_1_divides_its_images_as_it_did(data: dict, method: str) -> None:
    values = {"data": {"source": "x", **data}, "architecture": {"name": "y"}}
    recipe = recipe_from_values({"format": 1, **values}, "old", "old.toml")
    assert recipe.split_method == method
    assert recipe_from_values(tomllib.loads(recipe.to_toml()), "old", "old.toml").split_method == method
    new = recipe_from_values(values, "new", "new.toml")
    assert new.split_method == data.get("split_method", "count")
    assert recipe_from_values(tomllib.loads(new.to_toml()), "new", "new.toml").split_method == new.split_method
