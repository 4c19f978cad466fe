"""`cnnforge list` and `cnnforge show`."""

from __future__ import annotations

import json
import tomllib

import pytest

from cnnforge.host.plugin_host import PluginHost
from cnnforge.host.registry import Registry
from cnnforge.recipe.loading import load_recipe

CLAIMER = """
    import cnnforge

    @cnnforge.hookimpl
    def cnnforge_architectures():
        yield cnnforge.ArchitectureSpec(name="catsdogs_cnn", summary="mine", build="nowhere:build")
        yield cnnforge.ArchitectureSpec(name="bare", summary="nothing to set", build="nowhere:build")
"""


def names(outcome):
    return [(item["kind"], item["name"]) for item in json.loads(outcome.out)]


def test_list_names_everything_of_every_kind(cli):
    done = cli("list", "--json")
    assert {("architecture", "catsdogs_cnn"), ("data-source", "catsdogs"), ("recipe", "directory-cnn")} <= set(
        names(done)
    )
    assert all(item["summary"] and f"{item['plugin']}:".startswith("cnnforge:") for item in json.loads(done.out))
    text = cli("list").out
    assert [name for _, name in names(done) if name not in text] == []


@pytest.mark.parametrize(
    ("plural", "kind"),
    [
        ("architectures", "architecture"),
        ("data-sources", "data-source"),
        ("recipes", "recipe"),
        ("executors", "executor"),
    ],
)
def test_list_of_one_kind_has_that_kind_alone(cli, plural, kind):
    assert {found for found, _ in names(cli("list", plural, "--json"))} <= {kind}
    assert cli("list", plural).out.startswith(plural)


def test_an_unknown_kind_is_answered_with_the_kinds_there_are(cli):
    done = cli("list", "models")
    assert done.code == 2
    assert "Known: architectures, data-sources, recipes, commands" in done.err


def test_names_in_conflict_are_marked_and_using_them_is_an_error(cli, site, monkeypatch):
    plugin = site.install("claimer", CLAIMER)
    monkeypatch.setenv("CNNFORGE_LOAD_PLUGINS", "claimer")
    conflicts = [i["plugin"] for i in json.loads(cli("list", "--json").out) if i["is_conflict"]]
    assert conflicts == ["cnnforge:catsdogs", plugin]
    text = cli("list", "architectures").out
    assert "catsdogs_cnn (conflict)" in text
    assert f"CNNFORGE_DISABLE_PLUGINS={plugin}" in text
    shown = cli("show", "catsdogs_cnn")
    assert (shown.code, shown.out) == (4, "")
    assert f"claimed by cnnforge:catsdogs and {plugin}" in shown.err
    assert cli("show", "bare").code == 0


def test_show_lists_every_option_with_default_bounds_space_and_description(cli):
    done = cli("show", "catsdogs_cnn")
    assert done.out.startswith("catsdogs_cnn: architecture of cnnforge:catsdogs\n")
    for expected in (
        "[16, 32, 64]",
        "each 8 to 128, step 8",
        "int 1 to 11",
        "3 | 5",
        "float >= 0, < 1",
        "0 to 0.5",
        "true | false",
        "filters of each block of convolution and pooling",
    ):
        assert expected in done.out


@pytest.mark.parametrize(
    "command", ["--help", "list", "show catsdogs_cnn", "show catsdogs --kind data-source", "plugins"]
)
def test_output_fits_80_columns(cli, command):
    assert [line for line in cli(*command.split()).out.splitlines() if len(line) > 80] == []


def test_show_as_json_is_a_json_schema(cli):
    schema = json.loads(cli("show", "catsdogs_cnn", "--json").out)
    assert (schema["kind"], schema["name"], schema["type"]) == ("architecture", "catsdogs_cnn", "object")
    assert schema["properties"]["kernel_size"]["maximum"] == 11
    assert schema["properties"]["dense_units"]["search_space"] == {
        "kind": "choice",
        "text": "128 | 256 | 512",
        "values": [128, 256, 512],
    }
    assert (
        "search_space" not in json.loads(cli("show", "catsdogs", "--kind", "data-source", "--json").out)["properties"]
    )


def test_a_name_of_several_kinds_shows_all_of_them_or_the_one_asked_for(cli):
    assert [item["kind"] for item in json.loads(cli("show", "catsdogs", "--json").out)] == ["data-source", "recipe"]
    assert json.loads(cli("show", "catsdogs", "--kind", "recipe", "--json").out)["kind"] == "recipe"
    text = cli("show", "catsdogs").out
    assert "catsdogs: data source of" in text
    assert "catsdogs: recipe of" in text


def test_show_prints_a_recipe_complete_as_toml_and_what_it_searches(cli, tmp_path):
    text = cli("show", "catsdogs", "--kind", "recipe").out
    toml = "\n\n".join(text.split("\n\n")[1:-1])
    path = tmp_path / "copied.toml"
    path.write_text(toml, encoding="utf-8")
    registry = Registry(PluginHost.discover())
    copied = load_recipe(str(path), registry)
    assert copied.architecture.model_extra.keys() >= {"filters", "kernel_size", "dropout"}
    assert copied.training == load_recipe("catsdogs", registry).training
    sections = {"data", "architecture", "training", "evaluation", "tuning", "executor"}
    assert set(tomllib.loads(toml)) == {"name", "format", *sections}
    assert text.endswith("4,096 configurations times a continuum\n")
    assert "training.learning_rate  0.0001 to 0.01, log" in text.split("\n\n")[-1]


def test_show_of_a_recipe_as_json_has_the_recipe_and_its_search_spaces(cli):
    shown = json.loads(cli("show", "catsdogs", "--kind", "recipe", "--json").out)
    assert shown["recipe"]["training"]["epochs"] == 15
    assert set(shown["search"]) == {"architecture.filters", "training.learning_rate"}


@pytest.mark.parametrize("command", [["show", "catsdog"], ["show", "catsdogs", "--kind", "executor"]])
def test_an_unknown_name_is_answered_with_a_hint(cli, command):
    done = cli(*command)
    assert done.code == 2
    assert done.err.startswith("error: unknown name ")
    assert "\n  → `cnnforge list` shows what there is" in done.err


def test_the_close_name_is_suggested(cli):
    assert "Did you mean 'catsdogs_cnn'?" in cli("show", "catdogs_cnn").err


def test_an_architecture_without_options_says_so(cli, site, monkeypatch):
    site.install("claimer", CLAIMER)
    monkeypatch.setenv("CNNFORGE_LOAD_PLUGINS", "claimer")
    assert cli("show", "bare").out == "bare: architecture of claimer:main\nnothing to set\n\nno options\n"
