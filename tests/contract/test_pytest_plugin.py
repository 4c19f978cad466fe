"""What CNNForge adds to pytest: contracts without any test code, and fixtures."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import cnnforge
from cnnforge.host.plugin_host import PluginHost
from cnnforge.testing.images import COLORS
from cnnforge.testing.of_plugin import contract_of
from tests.conftest import Site

pytestmark = pytest.mark.slow

SOUND = """
import cnnforge

@cnnforge.hookimpl
def cnnforge_architectures():
    yield cnnforge.ArchitectureSpec(name="tiny", summary="tiny", build="acme:build", input_shape=(16, 16, 3))

def build(options, *, input_shape, num_classes):
    import keras

    inputs = keras.Input(input_shape)
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(8, 1, activation="relu")(x))
    return keras.Model(inputs, HEAD)
"""


def contract(site: Site, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    environ = {**os.environ, "PYTHONPATH": str(site.path)}
    return subprocess.run(command, cwd=site.path, env=environ, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.parametrize("head", ["cnnforge.head(x, num_classes)", "keras.layers.Dense(1)(x)"], ids=["sound", "broken"])
def test_the_contract_runs_without_any_test_code(site: Site, head: str) -> None:
    plugin = site.install("acme", SOUND.replace("HEAD", head))
    done = contract(site, "--cnnforge-plugin", plugin)
    if head.startswith("cnnforge"):
        assert done.returncode == 0, done.stdout
        assert "passed" in done.stdout
    else:
        assert done.returncode == 1, done.stdout
        assert "expected output shape (None, 7) for 7 classes, received (None, 1)" in done.stdout
        assert "→ end the network with cnnforge.head(x, num_classes)" in done.stdout


@pytest.mark.parametrize(
    ("plugin", "message"),
    [
        ("nowhere", "unknown plugin 'nowhere'"),
        ("acme", "RuntimeError: no luck"),
        ("empty", "it brings nothing that has a contract"),
    ],
)
def test_a_plugin_that_has_no_contract_to_run_is_a_usage_error(site: Site, plugin: str, message: str) -> None:
    site.install("acme", "raise RuntimeError('no luck')")
    site.install("empty", "import cnnforge")
    done = contract(site, "--cnnforge-plugin", plugin)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert message in done.stderr


def test_pytest_stays_light() -> None:
    code = (
        "import cnnforge.testing.pytest_plugin, sys; print({'keras', 'numpy', 'tensorflow', 'PIL'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_host_of_the_fixture_is_empty(plugin_host: PluginHost) -> None:
    assert plugin_host.plugins == {}


def test_the_images_of_the_fixture_are_labelled_by_folder_and_by_name(tiny_images: Path) -> None:
    names = [path.relative_to(tiny_images).as_posix() for path in sorted(tiny_images.rglob("*.png"))]
    assert len(names) == 12 * len(COLORS)
    assert names[0] == "blue/blue_001.png"


def test_the_command_line_of_the_fixture_runs_in_this_process(cli) -> None:
    assert "catsdogs_cnn" in cli("list").out
    outcome = cli("run", "nowhere")
    assert (outcome.code, outcome.out) == (2, "")
    assert "unknown recipe 'nowhere'" in outcome.err


@pytest.mark.parametrize(
    ("spec", "contracts"),
    [
        (cnnforge.ArchitectureSpec, ["ArchitectureContract", "ArchitectureExportContract"]),
        (cnnforge.AugmentationSpec, ["AugmentationContract"]),
        (cnnforge.DataSourceSpec, ["DataSourceContract"]),
        (cnnforge.ExecutorSpec, ["ExecutorContract"]),
        (cnnforge.ExplainerSpec, ["ExplainerContract"]),
        (cnnforge.ExportFormatSpec, ["ExportFormatContract"]),
        (cnnforge.MeasureSpec, ["MeasureContract"]),
        (cnnforge.ReportSectionSpec, ["ReportSectionContract"]),
        (cnnforge.SearchAlgorithmSpec, ["SearchAlgorithmContract"]),
        (cnnforge.CommandSpec, ["PluginContract"]),
    ],
)
def test_a_kind_has_the_contract_of_the_room_or_plugin_that_uses_it(spec: type, contracts: list[str]) -> None:
    tested = contract_of(SimpleNamespace(kind=spec.kind, name="acme"))
    assert [base.__name__ for base in tested.__bases__] == contracts
