"""Measures after each epoch: added to its figures, in the direction of the table, failures named."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

from cnnforge.errors import NameConflictError, RecipeError, UnknownNameError
from cnnforge.evaluation import MEASURES, EpochMeasures, asked_measures, best_epoch_figures, restored_figures
from cnnforge.host import PluginHost, Registry
from cnnforge.recipe import TrainingSection
from cnnforge.training import BestWeights
from tests.unit.evaluation.test_measure_table import registry_of, spec

NO_PLUGINS = Registry(PluginHost())


class Rows:
    """Four images that are their own probability of the second class."""

    pixels = np.array([0.1, 0.6, 0.4, 0.9], np.float32)[:, None]

    def announce(self, rows: np.ndarray) -> None:
        pass

    def gather(self, rows: np.ndarray) -> np.ndarray:
        return self.pixels[rows]


def data(num_validation: int = 4) -> Any:
    manifest = SimpleNamespace(
        class_names=["cat", "dog"], names=list("abcd"), labels=np.array([0, 0, 1, 1]),
        rows=lambda split: np.arange(num_validation),
    )  # fmt: skip
    return SimpleNamespace(manifest=manifest)


def callback(registry: Registry = NO_PLUGINS, warn=pytest.fail, **training: Any) -> EpochMeasures:
    found = EpochMeasures(TrainingSection(**training), registry, data(), warn)
    found.feed = SimpleNamespace(rows=np.arange(4), images=Rows())
    found.set_model(SimpleNamespace(predict_on_batch=lambda images: images))
    return found


def test_figures_are_added_to_the_epoch_for_whoever_reads_it_next():
    logs = {"loss": 0.5, "val_loss": 0.25}
    callback(epoch_measures=("macro_f1", "loss"), best="roc_auc").on_epoch_end(0, logs)
    assert logs == {"loss": 0.5, "val_loss": 0.25, "val_macro_f1": 0.5, "val_roc_auc": 0.75}


def test_nothing_is_predicted_where_nothing_is_asked_for():
    found = callback()
    found.set_model(None)
    logs = {"val_accuracy": 0.5}
    found.on_epoch_end(0, logs)
    assert logs == {"val_accuracy": 0.5}


def test_a_measure_that_fails_has_no_figure_and_is_said_once():
    said: list[str] = []
    found = callback(registry_of([spec("acme", "raising")]), said.append, epoch_measures=("acme", "brier_score"))
    for number in range(3):
        logs: dict[str, Any] = {}
        found.on_epoch_end(number, logs)
        assert list(logs) == ["val_brier_score"]
    assert said == ["epoch 1: measure 'acme' of plugin acme0:main failed: RuntimeError: no luck"]


@pytest.mark.parametrize("num_validation", [0, 4])
def test_what_cannot_be_measured_is_refused_before_training(num_validation):
    registry = registry_of([spec("many", needs=6)])
    message = "at least 6 classes for the measure many, received 2" if num_validation else "expected validation images"
    with pytest.raises(RecipeError, match=message):
        EpochMeasures(TrainingSection(epoch_measures=("many",)), registry, data(num_validation), pytest.fail)


def test_the_best_epoch_goes_by_the_direction_of_the_table():
    figures = best_epoch_figures
    assert figures(TrainingSection(), NO_PLUGINS) == [("val_accuracy", True), ("val_loss", False), ("loss", False)]
    assert figures(TrainingSection(best="brier_score"), NO_PLUGINS) == [("val_brier_score", False)]
    assert figures(TrainingSection(best="macro_f1"), NO_PLUGINS) == [("val_macro_f1", True)]


@pytest.mark.parametrize(
    ("is_higher_better", "values", "best"),
    [(True, [0.5, 0.75, 0.6], 2), (False, [0.5, 0.75, 0.4], 3), (True, [None, 0.2, float("nan")], 2)],
)
def test_the_weights_of_the_best_epoch_are_kept(tmp_path, is_higher_better, values, best):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    found = BestWeights(tmp_path, [("val_acme", is_higher_better)])
    found.set_model(model)
    for number, value in enumerate(values):
        found.on_epoch_end(number, {"val_accuracy": number} | ({} if value is None else {"val_acme": value}))
    assert found.weights["epoch"] == best


def best_epoch(folder, lines, state=None, restored=()) -> int:
    found = BestWeights(folder, [("val_accuracy", True), ("val_loss", False), ("loss", False)], restored)
    found.set_model(keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]))
    if state is not None:
        found.set_state(state)
    for number, line in enumerate(lines):
        found.on_epoch_end(number, line)
    return found.weights["epoch"]


EQUAL = [{"val_accuracy": 0.5, "val_loss": loss} for loss in (0.75, 0.5, 0.25, 0.625)]


@pytest.mark.parametrize(
    ("lines", "best"),
    [
        (EQUAL, 3),
        ([*EQUAL, {"val_accuracy": 0.625, "val_loss": 9.0}], 5),
        ([{"val_accuracy": 0.5, "val_loss": float("nan")}, *EQUAL[:2]], 3),
        ([{"val_accuracy": 0.5, "loss": loss} for loss in (0.5, 0.25)], 2),
        ([{"val_accuracy": 0.5}, {"val_accuracy": 0.5}], 1),
    ],
)
def test_among_equals_the_epoch_of_the_lowest_loss_is_best(tmp_path, lines, best):
    assert best_epoch(tmp_path, lines) == best


def test_a_run_that_began_when_the_first_among_equals_was_kept_goes_on_so(tmp_path):
    before = {"weights": {"epoch": 1}, "best": 0.5}
    assert best_epoch(tmp_path, EQUAL, before) == 1
    assert best_epoch(tmp_path, EQUAL, before, restored=[("val_loss", False)]) == 1
    assert best_epoch(tmp_path, [{"val_accuracy": 0.75, "val_loss": 9.0}], before) == 1  # its own first epoch
    found = BestWeights(tmp_path, [("val_accuracy", True)])
    found.set_state(before)
    assert found.get_state()["best"] == (0.5,)  # which the next checkpoint keeps


def test_the_epoch_whose_weights_a_callback_restores_is_best(tmp_path):
    lines = [{"val_accuracy": 0.5, "val_loss": 0.25}, {"val_accuracy": 0.75, "val_loss": 0.5}]
    assert best_epoch(tmp_path, lines) == 2
    assert best_epoch(tmp_path, lines, restored=[("val_loss", False)]) == 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"restore_best_weights": True}, [("val_loss", False)]),
        ({"restore_best_weights": True, "monitor": "val_accuracy"}, [("val_accuracy", True)]),
        ({"restore_best_weights": True, "monitor": "val_auc"}, [("val_auc", True)]),
        ({"restore_best_weights": True, "monitor": "val_mean_squared_error"}, [("val_mean_squared_error", False)]),
        ({"restore_best_weights": True, "monitor": "val_acme", "mode": "max"}, [("val_acme", True)]),
        ({"restore_best_weights": False}, []),
        ({}, []),
    ],
)
def test_a_callback_that_restores_weights_says_by_which_figure(arguments, expected):
    registry = registry_of(MEASURES)
    training = TrainingSection(
        metrics=("accuracy", "AUC", "MeanSquaredError"), callbacks=({"name": "EarlyStopping", **arguments},)
    )
    assert restored_figures(training, registry) == expected
    assert restored_figures(training.model_copy(update={"best": "loss"}), registry) == []


@pytest.mark.parametrize("setting", [{"epoch_measures": ("acme",)}, {"best": "acme"}])
def test_two_plugins_with_one_measure_are_an_error_when_it_is_asked_for(setting):
    with pytest.raises(NameConflictError):
        callback(registry_of([spec("acme")], [spec("acme")]), **setting)
    with pytest.raises(UnknownNameError, match="unknown measure 'acme'"):
        asked_measures(TrainingSection(**setting), NO_PLUGINS)
