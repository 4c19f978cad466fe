"""Commands of plugins, and files that are plugins: listed by their specs, imported when used, isolated when broken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cnnforge.cli.app import CORE_COMMANDS
from cnnforge.host.kinds import CommandSpec, SettingsSpec
from cnnforge.interface import registry
from cnnforge.recipe.schema import Recipe
from cnnforge.testing.pytest_plugin import Outcome
from tests.conftest import Site

COMMAND = """
    import cnnforge

    @cnnforge.hookimpl
    def cnnforge_commands():
        yield cnnforge.CommandSpec(name="{name}", summary="Do {name}.", app="{module}_app:app")
"""
APP = """
import typer

def app(word: str = typer.Argument("nothing")) -> None:
    typer.echo(f"done {word}")
"""
NET = """
import cnnforge

@cnnforge.hookimpl
def cnnforge_architectures():
    yield cnnforge.ArchitectureSpec(name="net_in_a_file", summary="A network in a file", build="net_file:build")

def build(options, *, input_shape, num_classes):
    import keras
    inputs = keras.Input(input_shape)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(inputs))
    return keras.Model(inputs, cnnforge.head(x, num_classes))
"""


@pytest.fixture
def install(site: Site, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """A function that installs a distribution with a command of a name, and lets it be loaded."""

    def call(distribution: str, name: str) -> str:
        module = distribution.replace("-", "_")
        plugin = site.install(distribution, COMMAND.format(name=name, module=module))
        (site.path / f"{module}_app.py").write_text(APP, encoding="utf-8")
        site.modules.append(f"{module}_app")
        monkeypatch.delenv("CNNFORGE_LOAD_PLUGINS", raising=False)
        return plugin

    return call


def test_the_names_that_the_core_keeps_are_those_it_has() -> None:
    assert set(CORE_COMMANDS) == CommandSpec.reserved
    assert set(Recipe.model_fields) == SettingsSpec.reserved


def test_a_command_of_a_plugin_is_called_with_its_arguments(
    cli: Callable[..., Outcome], install: Callable[..., str]
) -> None:
    install("acme-wave", "acme-wave")
    assert "acme-wave  Do acme-wave." in cli("--help").out
    assert cli("acme-wave", "it").out == "done it\n"
    assert "--help" in cli("acme-wave", "--help").out
    assert "Did you mean 'acme-wave'" in cli("acme-wav").err


def test_a_command_can_join_a_group_of_the_core(cli: Callable[..., Outcome], install: Callable[..., str]) -> None:
    install("acme-count", "data count")
    assert cli("data", "count", "them").out == "done them\n"
    assert "count" in cli("data", "--help").out
    assert "data count" not in cli("--help").out


def test_help_with_twenty_plugins_imports_none_of_their_commands(site: Site, install: Callable[..., str]) -> None:
    for number in range(20):
        install(f"acme-{number}", f"acme-{number}")
    code = (
        "import sys; sys.argv = ['cnnforge', '--help']\n"
        "from cnnforge.cli.console import main\n"
        "try:\n    main()\nfinally:\n    print('imported:', [name for name in sys.modules if name.endswith('_app')])"
    )
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site.path), *sys.path]), "COLUMNS": "80"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ, check=False)
    assert all(f"acme-{number} " in done.stdout for number in range(20)), done.stderr
    assert "imported: []" in done.stdout


@pytest.mark.parametrize("name", ["run", "list"])
def test_a_command_of_the_core_cannot_be_taken(
    cli: Callable[..., Outcome], install: Callable[..., str], name: str
) -> None:
    plugin = install("acme-taker", name)
    done = cli("plugins", "show", plugin)
    assert f"expected a name that the core does not have, received name='{name}'" in done.out
    assert cli(name, "--help").code == 0


def test_two_plugins_with_one_command_are_an_error_when_it_is_called(
    cli: Callable[..., Outcome], install: Callable[..., str]
) -> None:
    install("acme-one", "acme-both")
    install("acme-two", "acme-both")
    assert cli("--help").code == 0
    done = cli("acme-both")
    assert done.code == 4
    assert "claimed by acme-one:main and acme-two:main" in done.err


def test_a_command_that_cannot_be_imported_says_whose_it_is(
    cli: Callable[..., Outcome], install: Callable[..., str], site: Site
) -> None:
    install("acme-broken", "acme-broken")
    (site.path / "acme_broken_app.py").write_text("raise ImportError('no such thing')", encoding="utf-8")
    assert cli("--help").code == 0
    done = cli("acme-broken")
    assert done.code == 4
    assert "acme-broken:main" in done.err


def test_a_section_of_the_core_or_of_another_plugin_cannot_be_taken(
    cli: Callable[..., Outcome], site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = """
        import cnnforge

        class Mine(cnnforge.Options):
            '''Mine.'''

        @cnnforge.hookimpl
        def cnnforge_settings():
            yield cnnforge.SettingsSpec(section="{section}", options=Mine)
    """
    monkeypatch.delenv("CNNFORGE_LOAD_PLUGINS", raising=False)
    taker = site.install("acme-core", source.format(section="training"))
    site.install("acme-tuning", source.format(section="tuning"))
    assert "received name='training'" in cli("plugins", "show", taker).out
    done = cli("show", "catsdogs")
    assert done.code == 4
    assert "'tuning' is claimed by cnnforge:tuning and acme-tuning:main" in done.err


@pytest.mark.parametrize("spelling", [["--plugin", "{}"], ["--plugin={}"]], ids=["two words", "one word"])
def test_a_file_is_a_plugin_wherever_it_is_named(
    cli: Callable[..., Outcome], tmp_path: Path, spelling: list[str]
) -> None:
    file = tmp_path / "net_file.py"
    file.write_text(NET, encoding="utf-8")
    named = [word.format(file) for word in spelling]
    assert json.loads(cli("show", "net_in_a_file", *named, "--json").out)["plugin"] == "file:net_file"
    assert cli(*named, "list", "architectures").out.count("file:net_file") == 1
    assert cli("show", "net_in_a_file").code == 2


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import cnnforge\ndef broken(:\n", "line 2"),
        ("x = 1\n\nimport no_such_module\n", "(net_file.py, line 3)"),
        ("import cnnforge\n@cnnforge.hookimpl\ndef cnnforge_architecture():\n    return []\n", "unknown hook"),
    ],
    ids=["syntax", "import", "hook"],
)
def test_a_broken_file_is_named_with_its_line_and_the_rest_works(
    cli: Callable[..., Outcome], tmp_path: Path, source: str, message: str
) -> None:
    file = tmp_path / "net_file.py"
    file.write_text(source, encoding="utf-8")
    done = cli("list", "recipes", "--plugin", str(file))
    assert done.code == 0
    assert "plugin file:net_file is broken" in done.err
    assert message in done.err


@pytest.mark.parametrize(("name", "message"), [("missing.py", "missing.py"), ("json.py", "rename it")])
def test_a_file_that_is_none_or_hides_a_module_is_refused(
    cli: Callable[..., Outcome], tmp_path: Path, name: str, message: str
) -> None:
    if name == "json.py":
        (tmp_path / name).write_text(NET, encoding="utf-8")
    done = cli("list", "recipes", "--plugin", str(tmp_path / name))
    assert message in done.err
    assert done.code == (0 if name == "json.py" else 2)


def test_a_file_may_lie_where_modules_are_found(
    cli: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "net_on_path.py"
    file.write_text(NET, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))  # as `python -m cnnforge` does with the folder it is called in
    done = cli("list", "architectures", "--plugin", str(file))
    assert (done.code, done.err) == (0, "")
    assert "net_in_a_file" in done.out


def test_a_recipe_names_files_that_are_plugins_and_a_recorded_one_does_not(
    cli: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "net_file.py").write_text(NET, encoding="utf-8")
    recipe = tmp_path / "mine.toml"
    recipe.write_text(
        '[plugins]\nfiles = ["net_file.py"]\n[data]\nsource = "directory"\n[architecture]\nname = "net_in_a_file"\n',
        encoding="utf-8",
    )
    done = cli("run", str(recipe), "--data", str(tmp_path / "nowhere"))
    assert "nowhere, which does not exist" in done.err
    (tmp_path / "run.json").write_text("{}", encoding="utf-8")
    monkeypatch.setenv("CNNFORGE_PLUGIN_FILES", "")
    registry.cache_clear()
    done = cli("run", str(recipe), "--data", str(tmp_path / "nowhere"))
    assert "unknown architecture 'net_in_a_file'" in done.err
