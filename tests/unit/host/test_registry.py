"""The registry: names lead to one spec or to an error that says what to do."""

from __future__ import annotations

import pytest

import cnnforge
from cnnforge.errors import NameConflictError, UnknownNameError
from cnnforge.host.plugin_host import PluginHost
from cnnforge.host.registry import Registry


def plugin_of(*names):
    class Plugin:
        @cnnforge.hookimpl
        def cnnforge_architectures(self):
            return [cnnforge.ArchitectureSpec(name=n, summary="one", build="nowhere:build") for n in names]

    return Plugin()


@pytest.fixture
def host():
    host = PluginHost()
    host.register(plugin_of("catsdogs_cnn", "other"), "first:main")
    host.register(plugin_of("catsdogs_cnn", "third"), "second:main")
    return host


def test_a_name_in_conflict_is_an_error_that_names_both_and_the_switch(host):
    with pytest.raises(NameConflictError, match="claimed by first:main and second:main") as caught:
        Registry(host).architectures.get("catsdogs_cnn")
    assert "CNNFORGE_DISABLE_PLUGINS=" in caught.value.hint
    assert caught.value.exit_code == 4


def test_the_other_names_of_plugins_in_conflict_work(host):
    architectures = Registry(host).architectures
    assert [architectures.get(name).plugin for name in ("other", "third")] == ["first:main", "second:main"]
    assert set(architectures.conflicts()) == {"catsdogs_cnn"}
    assert [entry.spec.name for entry in architectures.all()] == ["catsdogs_cnn", "catsdogs_cnn", "other", "third"]


def test_one_plugin_that_brings_a_name_twice_conflicts_with_itself():
    host = PluginHost()
    host.register(plugin_of("twice", "twice"), "first:main")
    with pytest.raises(NameConflictError):
        Registry(host).architectures.get("twice")


def test_a_plugin_that_claims_a_built_in_name_is_a_conflict_until_it_is_switched_off(site):
    plugin = site.install(
        "claimer",
        """
        import cnnforge

        @cnnforge.hookimpl
        def cnnforge_architectures():
            yield cnnforge.ArchitectureSpec(name="catsdogs_cnn", summary="one", build="nowhere:build")
        """,
    )
    with pytest.raises(NameConflictError, match=f"cnnforge:catsdogs and {plugin}") as caught:
        Registry(PluginHost.discover({})).architectures.get("catsdogs_cnn")
    switch, _, value = caught.value.hint.partition(": ")[2].partition("=")
    assert (
        Registry(PluginHost.discover({switch: value})).architectures.get("catsdogs_cnn").plugin == "cnnforge:catsdogs"
    )


def test_an_unknown_name_is_answered_with_the_closest_one_and_all_there_are(host):
    with pytest.raises(UnknownNameError) as caught:
        Registry(host).architectures.get("catdog_cnn")
    assert str(caught.value) == (
        "unknown architecture 'catdog_cnn'. Did you mean 'catsdogs_cnn'? Available: catsdogs_cnn, other, third"
    )
    assert caught.value.hint is None


def test_an_unknown_name_is_answered_with_the_broken_plugins_that_may_have_it(site):
    broken = site.install("aaa-broken", "raise ImportError")
    with pytest.raises(UnknownNameError) as caught:
        Registry(PluginHost.discover({})).catalogue(cnnforge.ExecutorSpec).get("ray")
    assert "Available: local" in str(caught.value)
    assert broken in caught.value.hint


def test_the_catalogues_have_the_names_that_the_command_line_uses(host):
    catalogues = Registry(host).catalogues()
    assert {name: catalogue.kind for name, catalogue in catalogues.items()} == {
        "architectures": "architecture",
        "data-sources": "data source",
        "recipes": "recipe",
        "commands": "command",
        "settings": "settings",
        "measures": "measure",
        "report-sections": "report section",
        "explainers": "explainer",
        "export-formats": "export format",
        "augmentations": "augmentation",
        "search-algorithms": "search algorithm",
        "executors": "executor",
    }
