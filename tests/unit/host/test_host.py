"""The plugin host: one bad plugin is named and costs nobody else anything."""

from __future__ import annotations

import dataclasses
import importlib
import types

import pytest

import cnnforge
from cnnforge import scaffold
from cnnforge.errors import PluginError, RecipeError
from cnnforge.host import hookspecs, plugin_host as host_module
from cnnforge.host.plugin_host import PluginHost
from cnnforge.host.registry import Registry

GOOD = """
    import cnnforge

    @cnnforge.hookimpl
    def cnnforge_architectures():
        yield cnnforge.ArchitectureSpec(name="{name}", summary="one", build="nowhere:build")
"""

# What the module of a broken plugin says -> what the host says of it.
BROKEN = {
    "import_error": ("raise ImportError('no such thing')", "ImportError: no such thing"),
    "missing_dependency": ("import not_installed_anywhere", "No module named 'not_installed_anywhere'"),
    "exit": ("raise SystemExit(3)", "SystemExit: 3"),
    "syntax_error": ("def broken(:", "SyntaxError: "),
    "misspelled_hook": (
        """
        import cnnforge

        @cnnforge.hookimpl
        def cnnforge_architecture():
            return []
        """,
        "unknown hook 'cnnforge_architecture'",
    ),
    "unknown_argument": (
        """
        import cnnforge

        @cnnforge.hookimpl
        def cnnforge_architectures(colour):
            return []
        """,
        "Argument(s) {'colour'} are declared in the hookimpl but can not be found in the hookspec",
    ),
    "misspelled_hook_and_unknown_argument": (
        """
        import cnnforge

        @cnnforge.hookimpl
        def cnnforge_architect():
            return []

        @cnnforge.hookimpl
        def cnnforge_architectures(colour):
            return []
        """,
        "Argument(s) {'colour'}",
    ),
    "no_iterable": (
        """
        import cnnforge

        @cnnforge.hookimpl
        def cnnforge_architectures():
            return 42
        """,
        "hook cnnforge_architectures failed: TypeError: 'int' object is not iterable",
    ),
    "wrong_item": (
        """
        import cnnforge

        @cnnforge.hookimpl
        def cnnforge_recipes():
            return [42]
        """,
        "hook cnnforge_recipes: expected RecipeSpec, received int",
    ),
    "raises_half_way": (
        """
        import cnnforge

        @cnnforge.hookimpl
        def cnnforge_architectures():
            yield cnnforge.ArchitectureSpec(name="half", summary="one", build="nowhere:build")
            raise RuntimeError("half way")
        """,
        "hook cnnforge_architectures failed: RuntimeError: half way",
    ),
    "exits_in_hook": (
        """
        import cnnforge

        @cnnforge.hookimpl
        def cnnforge_executors():
            raise SystemExit("enough")
        """,
        "hook cnnforge_executors failed: SystemExit: enough",
    ),
    "newer_interface": (
        """
        import cnnforge

        @cnnforge.hookimpl
        def cnnforge_architectures():
            yield cnnforge.ArchitectureSpec(name="future", summary="one", build="nowhere:build", api=99)
        """,
        "architecture 'future': needs plugin api=99, this cnnforge speaks 1: upgrade cnnforge",
    ),
    "field_of_the_wrong_type": (
        """
        import cnnforge

        @cnnforge.hookimpl
        def cnnforge_architectures():
            yield cnnforge.ArchitectureSpec(name=None, summary="one", build="nowhere:build")
        """,
        "architecture None: TypeError: ",
    ),
}


@pytest.mark.parametrize(("source", "message"), BROKEN.values(), ids=BROKEN)
def test_a_broken_plugin_is_named_and_the_others_work(site, source, message):
    broken = site.install("aaa-broken", source)
    good = site.install("zzz-good", GOOD.format(name="sound"))

    host = PluginHost.discover({})
    registry = Registry(host)
    registry.catalogues()

    assert [info.id for info in host.broken()] == [broken]
    assert message in host.plugins[broken].error
    assert "\n" not in host.plugins[broken].error
    assert registry.architectures.get("sound").plugin == good
    assert registry.architectures.get("catsdogs_cnn").plugin == "cnnforge:catsdogs"
    assert "half" not in registry.architectures.entries


def test_an_exception_keeps_its_traceback(site):
    broken = site.install("aaa-broken", "raise ImportError('no such thing')")
    assert "aaa_broken.py" in PluginHost.discover({}).plugins[broken].traceback


def test_a_missing_module_is_a_broken_plugin(site):
    broken = site.install("aaa-broken", None)
    assert "No module named 'aaa_broken'" in PluginHost.discover({}).plugins[broken].error


def test_two_distributions_may_use_one_entry_point_name(site):
    first = site.install("one", GOOD.format(name="first"), entry_point="same")
    second = site.install("two", GOOD.format(name="second"), entry_point="same")
    registry = Registry(PluginHost.discover({}))
    assert (registry.architectures.get("first").plugin, registry.architectures.get("second").plugin) == (first, second)


def test_two_distributions_of_one_module_do_not_claim_its_names_twice(site):
    first = site.install("one", GOOD.format(name="shared"), module="shared_module")
    second = site.install("two", None, module="shared_module")
    host = PluginHost.discover({})
    assert [info.id for info in host.broken()] == [second]
    assert Registry(host).architectures.get("shared").plugin == first


@pytest.mark.parametrize(
    ("environ", "disabled"),
    [
        ({}, []),
        ({"CNNFORGE_DISABLE_PLUGINS": "one:main"}, ["one:main"]),
        ({"CNNFORGE_DISABLE_PLUGINS": " one , two"}, ["one:main", "two:main"]),
        ({"CNNFORGE_DISABLE_PLUGINS": "catsdogs"}, ["cnnforge:catsdogs"]),
        ({"CNNFORGE_LOAD_PLUGINS": ""}, ["one:main", "two:main"]),
        ({"CNNFORGE_LOAD_PLUGINS": "two"}, ["one:main"]),
        ({"CNNFORGE_LOAD_PLUGINS": "one,two", "CNNFORGE_DISABLE_PLUGINS": "two"}, ["two:main"]),
    ],
)
def test_switches_say_which_plugins_are_imported(site, environ, disabled):
    site.install("one", GOOD.format(name="first"))
    site.install("two", GOOD.format(name="second"))
    host = PluginHost.discover(environ)
    assert [info.id for info in host.plugins.values() if info.state == "disabled"] == disabled
    assert host.broken() == []


def test_a_disabled_plugin_is_never_imported(site):
    plugin = site.install("one", "raise SystemExit('imported')")
    info = PluginHost.discover({"CNNFORGE_DISABLE_PLUGINS": "one"}).plugins[plugin]
    assert (info.state, info.error, info.load_seconds) == ("disabled", None, 0.0)


@pytest.mark.parametrize("name", ["import_error", "wrong_item"])
def test_a_strict_host_raises(site, name):
    site.install("aaa-broken", BROKEN[name][0])
    with pytest.raises(PluginError, match="plugin aaa-broken:main: "):
        Registry(PluginHost.discover({"CNNFORGE_STRICT_PLUGINS": "1"})).catalogues()


def test_load_time_version_and_distribution_are_recorded(site):
    plugin = site.install("one", "import cnnforge")
    info = PluginHost.discover({}).plugins[plugin]
    assert (info.distribution, info.version, info.state) == ("one", "1.0", "ok")
    assert 0 < info.load_seconds < 60


def test_plugins_are_found_in_one_order_built_in_ones_first(site):
    for name in ("zebra", "ant", "crow"):
        site.install(name, "import cnnforge")
    ids = list(PluginHost.discover({}).plugins)
    built_in = [plugin_id for plugin_id in ids if plugin_id.startswith("cnnforge:")]
    assert built_in == sorted(built_in)
    assert ids == [*built_in, "ant:main", "crow:main", "zebra:main"]


def test_a_hook_may_take_fewer_arguments_than_it_is_called_with():
    class Plugin:
        @cnnforge.hookimpl
        def cnnforge_callbacks(self):
            return ["callback"]

    host = PluginHost()
    host.register(Plugin(), "mine:main")
    assert list(host.collect("cnnforge_callbacks", run="the run")) == [("mine:main", "callback")]


def test_registering_a_plugin_by_hand_raises_if_it_does_not_fit():
    plugin = types.SimpleNamespace(cnnforge_architecture=cnnforge.hookimpl(lambda: None))
    with pytest.raises(Exception, match="unknown hook 'cnnforge_architecture'"):
        PluginHost().register(plugin, "mine:main")


def test_what_a_plugin_says_of_the_users_settings_ends_the_command_and_breaks_no_plugin():
    class Strict:
        @cnnforge.hookimpl
        def cnnforge_training_settings(self):
            raise RecipeError("expected another loss")

    host = PluginHost()
    host.register(Strict(), "strict:main")
    with pytest.raises(RecipeError, match="another loss"):
        list(host.collect("cnnforge_training_settings", training=None, registry=None))
    assert host.broken() == []


class LaterHooks:
    """The hooks of a later version: each of them has gained an argument."""

    PROJECT = hookspecs.PROJECT

    @hookspecs.hookspec
    def cnnforge_architectures(self, later): ...

    @hookspecs.hookspec
    def cnnforge_data_sources(self, later): ...

    @hookspecs.hookspec
    def cnnforge_recipes(self, later): ...

    @hookspecs.hookspec
    def cnnforge_commands(self, later): ...

    @hookspecs.hookspec
    def cnnforge_settings(self, later): ...

    @hookspecs.hookspec
    def cnnforge_measures(self, later): ...

    @hookspecs.hookspec
    def cnnforge_report_sections(self, later): ...

    @hookspecs.hookspec
    def cnnforge_explainers(self, later): ...

    @hookspecs.hookspec
    def cnnforge_export_formats(self, later): ...

    @hookspecs.hookspec
    def cnnforge_augmentations(self, later): ...

    @hookspecs.hookspec
    def cnnforge_search_algorithms(self, later): ...

    @hookspecs.hookspec
    def cnnforge_executors(self, later): ...

    @hookspecs.hookspec
    def cnnforge_training_settings(self, training, registry, later): ...

    @hookspecs.hookspec
    def cnnforge_model_built(self, run, model, registry, later): ...

    @hookspecs.hookspec
    def cnnforge_callbacks(self, run, later): ...

    @hookspecs.hookspec
    def cnnforge_evaluated(self, run, registry, model, predictions, pixels, later): ...

    @hookspecs.hookspec
    def cnnforge_data_prepared(self, manifest, later): ...
    def cnnforge_run_ended(self, run, later): ...


def test_the_later_hooks_are_all_of_todays():
    assert {name for name in vars(LaterHooks) if name.startswith("cnnforge_")} == {
        name for name in vars(hookspecs) if name.startswith("cnnforge_")
    }


def test_a_plugin_of_this_version_works_when_every_hook_gains_an_argument(tmp_path, monkeypatch):
    contents = scaffold.plugin_files("acme-today", architecture="acme_net", data_source="acme_photos")
    scaffold.write_plugin(tmp_path / "acme-today", contents)
    monkeypatch.syspath_prepend(str(tmp_path / "acme-today"))
    monkeypatch.setattr(host_module, "hookspecs", LaterHooks())
    host = PluginHost()
    host.register(importlib.import_module("acme_today"), "acme-today:acme_today")

    assert [spec.name for _, spec in host.collect("cnnforge_architectures", later=1)] == ["acme_net"]
    assert [spec.name for _, spec in host.collect("cnnforge_data_sources", later=1)] == ["acme_photos"]
    assert host.broken() == []


@pytest.mark.parametrize(
    ("spec_type", "required"),
    [
        (cnnforge.ArchitectureSpec, {"name", "summary", "build"}),
        (cnnforge.DataSourceSpec, {"name", "summary", "open"}),
        (cnnforge.RecipeSpec, {"name", "summary", "resource"}),
        (cnnforge.ExecutorSpec, {"name", "summary", "start"}),
    ],
)
def test_what_a_spec_must_state_never_grows_and_is_stated_by_name(spec_type, required):
    fields = dataclasses.fields(spec_type)
    assert {field.name for field in fields if field.default is field.default_factory} == required
    assert all(field.kw_only for field in fields)


@pytest.mark.parametrize(
    ("spec_type", "code"),
    [
        (cnnforge.ArchitectureSpec, "build"),
        (cnnforge.DataSourceSpec, "open"),
        (cnnforge.RecipeSpec, "resource"),
        (cnnforge.ExecutorSpec, "start"),
    ],
)
def test_a_spec_of_a_newer_interface_says_what_to_upgrade(spec_type, code):
    spec = spec_type(name="acme", summary="s", api=cnnforge.API_VERSION + 1, **{code: "acme:recipe.toml"})
    assert spec.problems()[0] == "needs plugin api=2, this cnnforge speaks 1: upgrade cnnforge"
