"""`cnnforge plugins`, and what a broken plugin does to the other commands: one line, and nothing else."""

from __future__ import annotations

import json

import pytest

SOUND = """
    import cnnforge

    class ToyOptions(cnnforge.Options):
        units: int = 8

    @cnnforge.hookimpl
    def cnnforge_architectures():
        yield cnnforge.ArchitectureSpec(name="toy", summary="a toy", build="{module}:build", options=ToyOptions)

    def build(options, *, input_shape, num_classes):
        raise NotImplementedError
"""

BROKEN = {
    "raises": ("raise RuntimeError('no luck')", "RuntimeError: no luck"),
    "exits": ("raise SystemExit(1)", "SystemExit: 1"),
    "misspelt": (
        "import cnnforge\n@cnnforge.hookimpl\ndef cnnforge_recepies():\n    return []\n",
        "unknown hook 'cnnforge_recepies'",
    ),
}

BUILT_IN = (
    "catsdogs",
    "checks",
    "compare",
    "data",
    "directory",
    "doctor",
    "evaluate",
    "explain",
    "export",
    "fast_cpu",
    "ownmodel",
    "predict",
    "report",
    "serve",
    "tuning",
)


@pytest.fixture
def plugins(site, monkeypatch):
    """A sound plugin beside three broken ones."""
    site.install("toys", SOUND.format(module="toys"))
    for name, (source, _) in BROKEN.items():
        site.install(name, source)
    monkeypatch.setenv("CNNFORGE_LOAD_PLUGINS", ",".join(["toys", *BROKEN]))
    return site


@pytest.mark.parametrize("command", ["list", "show toy", "show catsdogs_cnn", "plugins", "plugins show toys"])
def test_every_command_works_beside_broken_plugins_and_names_each_once(cli, plugins, command):
    done = cli(*command.split())
    assert done.code == 0
    warnings = done.err.splitlines()
    assert len(warnings) == len(BROKEN)
    for name, (_, message) in BROKEN.items():
        (warning,) = [line for line in warnings if line.startswith(f"warning: plugin {name}:main is broken: ")]
        assert message in warning
        assert warning.endswith(f"(see `cnnforge plugins show {name}:main`)")


def test_plugins_lists_id_version_load_time_state_and_error(cli, plugins, monkeypatch):
    monkeypatch.setenv("CNNFORGE_DISABLE_PLUGINS", "exits")
    found = {item["id"]: item for item in json.loads(cli("plugins", "--json").out)}
    assert {plugin: item["state"] for plugin, item in found.items()} == {
        **{f"cnnforge:{name}": "ok" for name in BUILT_IN},
        "toys:main": "ok",
        "raises:main": "broken",
        "misspelt:main": "broken",
        "exits:main": "disabled",
    }
    assert found["raises:main"]["error"] == "RuntimeError: no luck"
    assert found["toys:main"]["version"] == "1.0"
    assert found["toys:main"]["load_seconds"] > 0
    text = cli("plugins").out
    assert "RuntimeError: no luck" in text
    assert "disabled" in text


def test_plugins_show_tells_what_a_plugin_brings(cli, plugins):
    shown = json.loads(cli("plugins", "show", "toys:main", "--json").out)
    assert shown["brings"] == [{"kind": "architecture", "name": "toy", "summary": "a toy", "plugin": "toys:main"}]
    assert "a toy" in cli("plugins", "show", "toys:main").out


def test_plugins_show_prints_the_traceback_of_a_broken_one(cli, plugins):
    text = cli("plugins", "show", "raises:main").out
    assert "Traceback (most recent call last):" in text
    assert "raises.py" in text


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("toy:main", "unknown plugin 'toy:main'. Did you mean 'toys:main'? Available: "),
        ("main", "expected one plugin, received 'main': "),
        ("catsdog", "Did you mean 'catsdogs'?"),
    ],
)
def test_a_plugin_that_is_not_there_is_answered_with_those_that_are(cli, plugins, name, message):
    done = cli("plugins", "show", name)
    assert done.code == 2
    assert message in done.err


def test_check_passes_where_every_deferred_name_can_be_imported(cli, plugins):
    done = cli("plugins", "check", "toys")
    assert (done.code, done.out) == (0, "sound   toys:main\nsound   architecture 'toy' of plugin toys:main\n")


def test_check_fails_where_a_deferred_name_cannot_be_imported(cli, site, monkeypatch):
    site.install("lost", SOUND.format(module="lost_module"))
    site.install("other", "import cnnforge")
    monkeypatch.setenv("CNNFORGE_LOAD_PLUGINS", "lost,other")
    done = cli("plugins", "check", "lost:main")
    assert done.code == 4
    assert "broken  architecture 'toy' of plugin lost:main: cannot import 'lost_module:build'" in done.out
    assert "received 1 faults in 2 checks" in done.err
    assert cli("plugins", "check", "other").code == 0


def test_check_fails_for_a_recipe_that_names_what_is_not_installed(cli, site, monkeypatch):
    site.install(
        "cook",
        """
        import cnnforge

        @cnnforge.hookimpl
        def cnnforge_recipes():
            yield cnnforge.RecipeSpec(name="soup", summary="one", resource="cook_recipes:soup.toml")
        """,
    )
    folder = site.path / "cook_recipes"
    folder.mkdir()
    (folder / "__init__.py").touch()
    site.modules.append("cook_recipes")
    (folder / "soup.toml").write_text("[data]\nsource = 'pantry'\n[architecture]\nname = 'catsdogs_cnn'\n", "utf-8")
    monkeypatch.setenv("CNNFORGE_LOAD_PLUGINS", "cook")
    done = cli("plugins", "check", "cook")
    assert done.code == 4
    assert "unknown data source 'pantry'" in done.out


def test_check_fails_for_a_broken_plugin(cli, plugins):
    done = cli("plugins", "check", "exits")
    assert (done.code, done.out) == (4, "broken  exits:main: SystemExit: 1\n")


def test_a_strict_host_ends_with_exit_code_4(cli, plugins, monkeypatch):
    monkeypatch.setenv("CNNFORGE_STRICT_PLUGINS", "1")
    done = cli("list")
    assert (done.code, done.out) == (4, "")
    assert done.err.startswith("error: plugin exits:main: SystemExit: 1\n")


def test_an_installed_plugin_is_found_by_a_process_of_its_own(process, plugins):
    done = process("list", "architectures", "--json", PYTHONPATH=str(plugins.path))
    assert [item["name"] for item in json.loads(done.stdout)] == ["catsdogs_cnn", "own_function", "own_model", "toy"]
    assert done.stderr.count("warning: plugin ") == len(BROKEN)


def test_check_ends_a_plugin_that_takes_too_long(cli, site, monkeypatch):
    site.install("slow", "while True: pass")
    done = cli("plugins", "check", "slow", "--timeout", "2")
    assert (done.code, done.out) == (4, "broken  slow:main: its process was not done after 2 s\n")
