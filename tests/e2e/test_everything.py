"""`examples/everything`: one of each thing that a plugin can bring is found, used by a run, and keeps its contract."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cnnforge.testing.pytest_plugin import Outcome
from tests.conftest import SITE, Site

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[2] / "examples" / "everything"

BROUGHT = {
    "architecture": "acme_tiny",
    "data-source": "acme_squares",
    "recipe": "acme-squares",
    "command": "acme-hello",
    "settings": "acme",
    "measure": "acme_worst_class",
    "report-section": "acme_note",
    "explainer": "acme_gradient",
    "export-format": "acme-weights",
    "augmentation": "acme_noise",
    "search-algorithm": "acme_first",
    "executor": "acme_threads",
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The plugin, as pip would have installed it."""
    site = Site(tmp_path_factory.mktemp("everything") / SITE)
    site.install("acme-everything", None, entry_point="everything", module="acme_everything")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXAMPLE))
        patch.syspath_prepend(str(site.path))
        yield site


@pytest.fixture(scope="module")
def cnnforge(installed: Site) -> Callable[..., subprocess.CompletedProcess[str]]:
    """A function that gives a command to ``cnnforge`` in a process of its own that has the plugin."""
    folder = installed.path.parent
    paths = os.pathsep.join([str(installed.path), str(EXAMPLE), *filter(None, [os.environ.get("PYTHONPATH")])])
    environ = {**os.environ, "PYTHONPATH": paths, "CNNFORGE_LOAD_PLUGINS": "everything"}
    environ["CNNFORGE_CACHE_DIR"] = str(folder / "cache")

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "cnnforge", *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, encoding="utf-8", cwd=folder, env=environ, check=False
        )

    return call


@pytest.fixture(scope="module")
def trained(installed: Site, cnnforge: Callable[..., subprocess.CompletedProcess[str]]) -> Path:
    """A run of the plugin's own recipe, trained once."""
    done = cnnforge("run", "acme-squares", "--name", "run")
    assert done.returncode == 0, done.stderr
    assert "Acme     surest of" in done.stdout
    assert "Acme     finished" in done.stdout
    return installed.path.parent / "runs" / "run"


@pytest.mark.usefixtures("installed")
def test_list_and_show_know_all_of_it(cli: Callable[..., Outcome]) -> None:
    listed = json.loads(cli("list", "--json").out)
    assert {item["kind"]: item["name"] for item in listed if "acme" in item["name"]} == BROUGHT
    for kind, name in BROUGHT.items():
        assert cli("show", name, "--kind", kind).code == 0
    assert "acme-hello" in cli("--help").out
    assert cli("acme-hello", "you").out == "Hello, you\n"


def test_a_run_uses_what_the_plugin_brings(trained: Path) -> None:
    evaluation = json.loads((trained / "evaluation.json").read_text(encoding="utf-8"))
    assert evaluation["accuracy"] == 1.0
    assert "acme_worst_class" in json.dumps(evaluation)
    report = (trained / "report.html").read_text(encoding="utf-8")
    assert "made with &lt;everything&gt;" in report
    assert "Recall of the worst class" in report
    recipe = (trained / "recipe.toml").read_text(encoding="utf-8")
    assert 'optimizer = "adam"' in recipe
    assert "acme_noise" in recipe


def test_the_format_passes_the_gate_and_its_script_agrees(trained: Path, cli: Callable[..., Outcome]) -> None:
    done = cli("export", str(trained), "--format", "acme-weights", "--out", str(trained.parents[1] / "exported"))
    assert done.code == 0, done.err
    picture = next((trained / "examples").glob("*.jpg"))
    script = [sys.executable, str(trained.parents[1] / "exported" / "classify.py"), str(picture)]
    rows = list(csv.DictReader(subprocess.run(script, capture_output=True, text=True, check=True).stdout.splitlines()))
    predicted = json.loads(cli("predict", str(trained), str(picture), "--json").out)
    assert rows[0]["predicted"] == predicted[0]["predicted"]


def test_explain_shows_the_explainer(trained: Path, cli: Callable[..., Outcome]) -> None:
    done = cli("explain", str(trained), "--out", str(trained.parents[1] / "explained"))
    assert done.code == 0, done.err
    assert "Gradient" in (trained.parents[1] / "explained" / "index.html").read_text(encoding="utf-8")


def test_a_search_takes_algorithm_and_executor(
    installed: Site, cnnforge: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    options = ["--algorithm", "acme_first", "--executor", "acme_threads", "--trials", "2", "--set", "tuning.confirm=0"]
    done = cnnforge("tune", "acme-squares", *options)
    assert done.returncode == 0, done.stderr
    assert (installed.path.parent / "studies" / "acme-squares" / "best.toml").exists()


def test_the_contracts_hold(cnnforge: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    checked = cnnforge("plugins", "check", "everything")
    assert checked.returncode == 0, checked.stdout
