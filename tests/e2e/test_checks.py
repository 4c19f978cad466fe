"""The checks of settings in whole runs: refused before the first epoch, and training stays as it is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cnnforge.errors import RecipeError
from cnnforge.host.plugin_host import PluginHost
from cnnforge.host.registry import Registry
from cnnforge.network import read_arrays
from tests.e2e.test_run import make_photographs, read_lines, train
from tests.faults.kills import TIMES

pytestmark = pytest.mark.slow

FASTER = ["training.epochs=2", "architecture.filters=[4]", "architecture.dense_units=8"]


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_photographs(tmp_path_factory.mktemp("data") / "photographs", ["apple", "pear"], per_class=30)


def registry(**environ: str) -> Registry:
    return Registry(PluginHost.discover({"CNNFORGE_LOAD_PLUGINS": "", **environ}))


def test_training_is_the_same_to_the_bit_without_the_checks(photographs: Path, tmp_path: Path) -> None:
    varied = [*FASTER, "training.augmentation.flip=horizontal", "training.metrics=['accuracy', 'AUC']"]
    checked = train(registry(), tmp_path, photographs, *varied, name="checked")
    plain = train(registry(CNNFORGE_DISABLE_PLUGINS="checks"), tmp_path, photographs, *varied, name="plain")
    first, second = (
        [{name: line[name] for name in line if name not in TIMES} for line in read_lines(run.metrics)]
        for run in (checked, plain)
    )
    assert first == second
    first, second = (list(read_arrays(run.best_weights).values()) for run in (checked, plain))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "setting", ["training.loss=categorical_crossentropy", "training.metrics=['accuracy','F1Score']"]
)
def test_what_does_not_fit_is_refused_before_the_first_epoch(setting: str, photographs: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError):
        train(registry(), tmp_path, photographs, *FASTER, setting)
    folder = tmp_path / "runs" / "r"
    assert not (folder / "metrics.jsonl").exists()
    facts = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert facts["status"] == "failed"
    assert facts["error"].startswith("RecipeError: training.")


def test_the_weights_that_a_callback_restores_are_those_of_the_model(photographs: Path, tmp_path: Path) -> None:
    restoring = "training.callbacks=[{name='EarlyStopping', patience=9, restore_best_weights=true}]"
    found = train(registry(), tmp_path, photographs, *FASTER, "training.epochs=4", restoring)
    losses = [line["val_loss"] for line in read_lines(found.metrics)]
    assert found.read_run()["best_epoch"] == 1 + losses.index(min(losses))
