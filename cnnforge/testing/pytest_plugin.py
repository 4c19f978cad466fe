"""What CNNForge adds to pytest: fixtures for tests of plugins, and contracts without any test code.

pytest imports this module in every environment that has CNNForge, so it is as light as a plugin's entry module.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cnnforge.errors import CnnforgeError
from cnnforge.host import FILES_SWITCH, Entry, PluginHost, Registry

requested: list[Any] = []
"""The specs whose contracts ``--cnnforge-plugin`` asks for."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that runs the contracts of an installed plugin."""
    parser.getgroup("cnnforge").addoption(
        "--cnnforge-plugin",
        metavar="ID",
        action="append",
        default=[],
        help="run the contracts of an installed plugin, without any test code; repeatable",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Have the contracts collected, instead of this folder's tests unless tests are named beside the option."""
    wanted = config.getoption("cnnforge_plugin")
    if not wanted:
        return
    registry = Registry(PluginHost.discover())
    requested[:] = [spec for plugin in wanted for spec in _specs(registry, plugin)]
    module = str(Path(__file__).with_name("of_plugin.py"))
    named = config.args if config.args_source is pytest.Config.ArgsSource.ARGS else []
    config.args = [*(argument for argument in named if argument != module), module]


def _specs(registry: Registry, plugin: str) -> list[Any]:
    """Return everything that a plugin brings."""
    entries: list[Entry[Any]] = [entry for kind in registry.catalogues().values() for entry in kind.all()]
    try:
        info = registry.host.find(plugin)
    except CnnforgeError as error:
        raise pytest.UsageError(f"--cnnforge-plugin {plugin}: {error}") from error
    specs = [entry.spec for entry in entries if entry.plugin == info.id]
    if info.error or not specs:
        reason = info.error or "it brings nothing that has a contract"
        raise pytest.UsageError(f"--cnnforge-plugin {info.id}: {reason}")
    return specs


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command did: its exit code and what it wrote to standard output and standard error."""

    code: int
    out: str
    err: str


@pytest.fixture
def plugin_host() -> PluginHost:
    """An empty plugin host that looks for no installed plugins: ``plugin_host.register(module, "acme-net:acme")``."""
    return PluginHost()


@pytest.fixture
def tiny_images(tmp_path: Path) -> Path:
    """A folder of 36 images, ``blue/blue_001.png`` and so on: blue, green and red, 32 by 24 pixels."""
    from cnnforge.testing.images import write_tiny_images

    return write_tiny_images(tmp_path / "tiny-images")


@pytest.fixture
def cli(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """A function that gives a command to ``cnnforge`` in this process, with caches of its own: ``cli("list")``."""
    from cnnforge.cli import main
    from cnnforge.interface import registry

    monkeypatch.setenv("CNNFORGE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("CNNFORGE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv(FILES_SWITCH, "")
    registry.cache_clear()

    def call(*arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["cnnforge", *arguments])
        with pytest.raises(SystemExit) as done:
            main()
        code = done.value.code
        return Outcome(code if isinstance(code, int) else 0, *capsys.readouterr())

    return call
