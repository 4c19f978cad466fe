"""Which direction of a metric is better."""

from __future__ import annotations

import math

import pytest

from cnnforge.errors import NameConflictError, RecipeError
from cnnforge.host import PluginHost, Registry
from cnnforge_tuning.objective import Objective, objective_of
from cnnforge_tuning.settings import TuningOptions
from tests.unit.evaluation.test_measure_table import registry_of, spec

REGISTRY = Registry(PluginHost())

NAMES = ["val_accuracy", "val_loss", "val_auc", "val_precision", "val_recall", "val_mean_absolute_error",
         "val_binary_crossentropy", "val_top_k_categorical_accuracy", "val_hinge", "loss"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_the_direction_is_the_one_that_keras_tuner_infers(name):
    from keras_tuner.engine.metrics_tracking import infer_metric_direction

    assert objective_of(TuningOptions(objective=name), REGISTRY).direction == infer_metric_direction(name)


def test_f1_is_better_when_it_is_higher_whatever_keras_tuner_says():
    assert objective_of(TuningOptions(objective="val_f1_score"), REGISTRY).is_max


def test_an_unknown_metric_needs_a_direction():
    with pytest.raises(RecipeError, match=r"tuning\.objective=val_score"):
        objective_of(TuningOptions(objective="val_score"), REGISTRY)
    assert objective_of(TuningOptions(objective="val_score", direction="min"), REGISTRY).direction == "min"


@pytest.mark.parametrize(
    ("name", "direction"),
    [("val_accuracy", "min"), ("val_loss", "max"), ("macro_f1", "min"), ("val_brier_score", "max")],
)
def test_the_worse_direction_of_a_measure_is_refused(name, direction):
    with pytest.raises(RecipeError, match=f"tuning.direction={direction}"):
        objective_of(TuningOptions(objective=name, direction=direction), REGISTRY)
    right = "max" if direction == "min" else "min"
    assert objective_of(TuningOptions(objective=name, direction=right), REGISTRY).direction == right


def test_what_is_not_finite_is_never_the_best():
    accuracy, loss = Objective("val_accuracy", is_max=True), Objective("val_loss", is_max=False)
    values = [math.nan, 0.5, 0.7, math.inf, -math.inf]
    assert (accuracy.best(values), loss.best(values)) == (0.7, 0.5)
    assert (accuracy.best([math.nan]), loss.best([])) == (-math.inf, math.inf)


@pytest.mark.parametrize(
    ("name", "objective"),
    [
        ("macro_f1", Objective("val_macro_f1", is_max=True)),
        ("val_brier_score", Objective("val_brier_score", is_max=False)),
        ("expected_calibration_error", Objective("val_expected_calibration_error", is_max=False)),
        ("roc_auc", Objective("val_roc_auc", is_max=True)),
        ("accuracy", Objective("accuracy", is_max=True)),  # of the training images, as Keras names it
        ("loss", Objective("loss", is_max=False)),
    ],
)
def test_a_measure_has_the_direction_of_the_table_and_is_that_of_the_validation_images(name, objective):
    assert objective_of(TuningOptions(objective=name), REGISTRY) == objective


def test_a_measure_that_two_plugins_bring_is_an_error_that_names_both():
    registry = registry_of([spec("acme")], [spec("acme")])
    with pytest.raises(NameConflictError, match="acme0:main and acme1:main"):
        objective_of(TuningOptions(objective="val_acme"), registry)
    assert objective_of(TuningOptions(objective="val_acme"), registry_of([spec("acme")])).is_max
