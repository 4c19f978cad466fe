"""Going on with a run from Python: trained longer, under other conditions, on other photographs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cnnforge.data.preparing import open_source
from cnnforge.errors import DataError, RecipeError
from cnnforge.host.plugin_host import PluginHost
from cnnforge.host.registry import Registry
from cnnforge.recipe.loading import load_recipe
from cnnforge.recipe.resolving import resolve
from cnnforge.running import resuming as resume
from cnnforge.running.run import execute
from cnnforge.running.run_dir import Run, RunDir, hold_run
from cnnforge.system.reporter import Reporter
from tests.e2e.test_run import make_photographs, read_lines, train
from tests.faults.kills import TIMES


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry(PluginHost.discover({"CNNFORGE_LOAD_PLUGINS": ""}))


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_photographs(tmp_path_factory.mktemp("data") / "photographs", ["apple", "pear"], per_class=40)


@pytest.fixture(scope="module")
def short(registry: Registry, photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    folder = tmp_path_factory.mktemp("short")
    return train(registry, folder, photographs, "training.epochs=1", "training.augmentation='light'")


class Listener(Reporter):
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def go_on(directory: RunDir, registry: Registry, *overrides: str, accept_changes: bool = False) -> list[str]:
    resolved = resolve(load_recipe(str(directory.recipe), registry, overrides), registry)
    reporter = Listener()
    with hold_run(directory):
        resume.reopen(directory, resolved, accept_changes=accept_changes)
        execute(Run(directory, resolved, accept_changes), open_source(resolved), registry, reporter)
    return reporter.warnings


def figures(directory: RunDir) -> list[dict[str, float]]:
    return [{key: line[key] for key in line if key not in TIMES} for line in read_lines(directory.metrics)]


def test_a_finished_run_can_be_trained_longer_as_if_it_had_been_meant_to(
    short: RunDir, registry: Registry, photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    longer = RunDir(Path(shutil.copytree(short.path, tmp_path / "longer")))
    with pytest.raises(RecipeError, match=r"recipe.training.epochs: was 1, is 2"):
        go_on(longer, registry, "training.epochs=2")
    monkeypatch.setenv("OMP_NUM_THREADS", "77")
    warnings = go_on(longer, registry, "training.epochs=2", accept_changes=True)
    expected = "the result will not be equal to the last bit: switches.OMP_NUM_THREADS: was nothing, is 77"
    assert [line for line in warnings if "equal" in line] == [expected]
    assert longer.read_run()["resumes"][0]["epoch"] == 1
    whole = train(registry, tmp_path, photographs, "training.epochs=2", "training.augmentation='light'")
    assert figures(longer) == figures(whole)
    assert longer.predictions.read_bytes() == whole.predictions.read_bytes()


def test_averages_do_not_take_the_place_of_the_weights_that_train(
    registry: Registry, photographs: Path, tmp_path: Path
) -> None:
    averages = "training.optimizer={name='adam', use_ema=true}"
    whole = train(registry, tmp_path, photographs, averages, "training.epochs=2")
    longer = train(registry, tmp_path, photographs, averages, "training.epochs=1", name="longer")
    go_on(longer, registry, "training.epochs=2", accept_changes=True)
    assert figures(longer) == figures(whole)


def test_photographs_that_changed_are_named_before_anything_is_trained(
    short: RunDir, registry: Registry, photographs: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(photographs, tmp_path / "photographs"))
    (other / "apple" / "3.png").rename(other / "pear" / "new.png")
    copy = RunDir(Path(shutil.copytree(short.path, tmp_path / "run")))
    before = copy.manifest.read_bytes()
    copy.recipe.write_text(copy.recipe.read_text().replace(str(photographs), str(other)))
    with pytest.raises(RecipeError, match=rf"recipe.data.path: was {photographs}, is {other}"):
        go_on(copy, registry)
    for manifest in (copy.checkpoints).glob("*.json"):
        manifest.unlink()  # as if the run had been killed before its first checkpoint: the data were scanned
    with pytest.raises(DataError, match=r"1 new: pear/new.png\n  1 missing: apple/3.png"):
        go_on(copy, registry)
    assert copy.manifest.read_bytes() == before
    assert json.loads(copy.run_json.read_text())["status"] == "failed"


def test_weights_of_another_network_in_a_checkpoint_are_refused(
    short: RunDir, registry: Registry, tmp_path: Path
) -> None:
    copy = RunDir(Path(shutil.copytree(short.path, tmp_path / "run")))
    with pytest.raises(RecipeError, match="received that of another network"):
        go_on(copy, registry, "architecture.dense_units=8", "training.epochs=2", accept_changes=True)


def test_measures_after_each_epoch_change_nothing_but_what_they_add_and_are_resumed_to_the_bit(
    registry: Registry, photographs: Path, tmp_path: Path
) -> None:
    asked = ("training.epoch_measures=['brier_score']", "training.best='matthews_correlation'")
    float32, validation = "training.precision='float32'", "evaluation.split='validation'"
    plain = train(registry, tmp_path, photographs, "training.epochs=3", float32, name="plain")
    whole = train(registry, tmp_path, photographs, "training.epochs=3", float32, validation, *asked)
    added = ("val_brier_score", "val_matthews_correlation")
    lines = figures(whole)
    assert [{key: line[key] for key in line if key not in added} for line in lines] == figures(plain)
    best = max(lines, key=lambda line: (line["val_matthews_correlation"], -line["val_loss"]))
    assert whole.read_run()["best_epoch"] == best["epoch"]
    measured = whole.read_evaluation()["measures"]
    assert [measured[name.removeprefix("val_")] for name in added] == [best[name] for name in added]
    longer = train(registry, tmp_path, photographs, "training.epochs=1", float32, validation, *asked, name="longer")
    go_on(longer, registry, "training.epochs=3", accept_changes=True)
    assert figures(longer) == lines
    assert longer.read_run()["best_epoch"] == best["epoch"]
