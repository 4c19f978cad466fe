"""What `cnnforge new plugin` writes, and what it refuses."""

from __future__ import annotations

import importlib
import tomllib
from pathlib import Path

import pytest

from cnnforge.errors import RecipeError
from cnnforge.host.plugin_host import PluginHost
from cnnforge.host.registry import Registry
from cnnforge.scaffold import plugin_files, write_plugin


@pytest.mark.parametrize(
    ("names", "present", "absent"),
    [
        ({}, {"acme_net/model.py", "tests/test_architecture.py"}, {"acme_net/source.py"}),
        ({"data_source": "photos"}, {"acme_net/source.py", "tests/test_data_source.py"}, {"acme_net/model.py"}),
        ({"architecture": "acme", "data_source": "acme"}, {"acme_net/model.py", "acme_net/source.py"}, set()),
    ],
)
def test_the_names_say_what_the_plugin_brings(names: dict[str, str], present: set[str], absent: set[str]) -> None:
    contents = plugin_files("acme-net", **names)
    assert set(contents) >= {"pyproject.toml", "README.md", ".gitignore", ".github/workflows/test.yml", *present}
    assert not absent & set(contents)
    assert [path for path, content in contents.items() if "$" in content.replace("${{", "")] == []


def test_everything_it_brings_is_found_by_the_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plugin_host: PluginHost
) -> None:
    contents = plugin_files("acme-both", architecture="acme_one", data_source="acme_two")
    write_plugin(tmp_path / "acme-both", contents)
    project = tomllib.loads(contents["pyproject.toml"])["project"]
    assert project["entry-points"]["cnnforge"] == {"acme_both": "acme_both"}
    monkeypatch.syspath_prepend(str(tmp_path / "acme-both"))
    plugin_host.register(importlib.import_module("acme_both"), "acme-both:acme_both")
    registry = Registry(plugin_host)
    assert (list(registry.architectures.entries), list(registry.data_sources.entries)) == (["acme_one"], ["acme_two"])
    assert plugin_host.broken() == []


@pytest.mark.parametrize(
    ("distribution", "names", "message"),
    [
        ("Acme Net", {}, "expected a name like acme-net, received 'Acme Net'"),
        ("../acme", {}, "expected a name like acme-net"),
        ("class", {}, "expected a name like acme-net"),
        ("keras", {}, "a module keras is installed already"),
        ("acme-net", {"architecture": "Acme-Net"}, "expected a name like acme_net, received --architecture 'Acme-Net'"),
        ("acme-net", {"data_source": "1"}, "received --data-source '1'"),
        ("acme-net", {"architecture": ""}, "received --architecture ''"),
    ],
)
def test_names_that_cannot_be_used_are_refused(distribution: str, names: dict[str, str], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        plugin_files(distribution, **names)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "acme-net").mkdir()
    (tmp_path / "acme-net" / "pyproject.toml").write_text("mine", encoding="utf-8")
    with pytest.raises(RecipeError, match="acme-net, which exists already"):
        write_plugin(tmp_path / "acme-net", plugin_files("acme-net"))
    assert [path.name for path in (tmp_path / "acme-net").iterdir()] == ["pyproject.toml"]
    assert (tmp_path / "acme-net" / "pyproject.toml").read_text(encoding="utf-8") == "mine"
