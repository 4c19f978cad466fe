"""The dry step: losses, metrics, networks and callbacks that do not fit are refused; nothing of the network changes."""

from __future__ import annotations

import random
import re
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

from cnnforge.errors import RecipeError
from cnnforge.host import PluginHost, Registry
from cnnforge.network import components
from cnnforge.recipe import TrainingSection, keras_names, validate
from cnnforge_checks.dry_step import check_network

pytestmark = pytest.mark.slow

NO_PLUGINS = Registry(PluginHost())
SHAPE = (8, 8, 3)


def network(num_classes: int, activation: str | None = "auto", **last: Any) -> keras.Model:
    activation = ("sigmoid" if num_classes == 2 else "softmax") if activation == "auto" else activation
    inputs = keras.Input(SHAPE)
    x = keras.layers.Dropout(0.5)(keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(inputs)))
    units = 1 if num_classes == 2 else num_classes
    return keras.Model(inputs, keras.layers.Dense(units, activation=activation, dtype="float32", **last)(x))


def check(model: keras.Model, text: str = "", directory: Any = None) -> None:
    training = validate(TrainingSection, tomllib.loads(text), "training")
    resolved = SimpleNamespace(
        recipe=SimpleNamespace(training=training),
        input_shape=SHAPE,
        architecture=SimpleNamespace(spec=SimpleNamespace(name="mine"), plugin="acme:main"),
    )
    nothing: Any = SimpleNamespace(run_json=Path("nowhere"))
    run: Any = SimpleNamespace(resolved=resolved, directory=directory or nothing)
    check_network(run, model, NO_PLUGINS)


@pytest.fixture(scope="module")
def networks() -> dict[int, keras.Model]:
    return {num_classes: network(num_classes) for num_classes in (2, 3, 7)}


REFUSED = [
    (2, 'loss="categorical_crossentropy"', "lower for right answers than for wrong ones"),
    (2, 'loss="sparse_categorical_crossentropy"', "cannot be computed for two classes .one output"),
    (2, 'loss="categorical_focal_crossentropy"', "lower for right answers"),
    (2, 'loss="kl_divergence"', "lower for right answers.* where those of class 1 are wrong"),
    (2, 'loss="cosine_similarity"', "lower for right answers"),
    (3, 'loss="ctc"', "training.loss: ctc cannot be computed for 3 classes"),
    (2, 'loss="dice"\nclass_balance="weights"', "class_balance=weights can weigh"),
    (2, 'metrics=[{name="F1Score", average="macro"}]', "tells right answers from wrong ones, received F1Score"),
    (2, 'metrics=["CategoricalAccuracy"]', "is 1 for right ones and 1 for wrong ones"),
    (2, 'metrics=["SparseCategoricalAccuracy"]', "is 0.5 for right ones and 0.5 for wrong ones"),
    (2, 'metrics=["accuracy", "F1Score"]', r"metrics\[1\]: expected one figure, received one for each class"),
    (2, 'metrics=["TopKCategoricalAccuracy"]', "is 1 for right ones and 1 for wrong ones"),
    (2, 'metrics=["Accuracy"]', "tells right answers from wrong ones"),
    (2, 'metrics=[{name="MeanIoU", num_classes=2}]', "tells right answers from wrong ones"),
    (2, 'metrics=["CategoricalCrossentropy"]', "tells right answers from wrong ones"),
    (2, 'metrics=["PearsonCorrelation"]', "received PearsonCorrelation, which is nan"),
    (2, 'metrics=["Mean"]', "Mean cannot be computed"),
    (2, 'metrics=[{name="Precision", class_id=1}]', "Precision cannot be computed for two classes"),
    (3, 'metrics=["SparseCategoricalAccuracy"]', "cannot be computed for 3 classes .*targets have a column for each"),
    (3, 'loss="sparse_categorical_crossentropy"\nmetrics=["CategoricalAccuracy"]', r"metrics\[0\]"),
    (3, 'loss="sparse_categorical_crossentropy"\nmetrics=["AUC"]', "targets are class indices"),
    (3, 'metrics=["BinaryAccuracy"]', "accuracy of 1 for right answers and 0 for wrong ones, .*is 1 and 0.333"),
    (3, 'metrics=[{name="TopKCategoricalAccuracy", k=3}]', "is 1 for right ones and 1 for wrong ones"),
    (3, 'metrics=[{name="AUC", multi_label=true, num_labels=2}]', "AUC cannot be computed"),
    (3, 'metrics=[{name="Recall", thresholds=[0.3, 0.6]}]', "received one for each class or threshold"),
    (2, 'metrics=["AUC"]\ncallbacks=[{name="EarlyStopping", monitor="val_auc", mode="min"}]', "expected mode=max"),
    (2, 'metrics=["MeanSquaredError"]\ncallbacks=[{name="EarlyStopping", monitor="val_auc"}]', "monitor=val_auc"),
    (
        2,
        (
            'metrics=["MeanSquaredError"]\n'
            'callbacks=[{name="EarlyStopping", monitor="val_mean_squared_error", mode="max"}]'
        ),
        "expected mode=min for monitor=val_mean_squared_error",
    ),
    (
        2,
        'metrics=["FalsePositives"]\ncallbacks=[{name="EarlyStopping", monitor="val_false_positives"}]',
        "expected mode 'min' or 'max' beside monitor=val_false_positives",
    ),
    (
        2,
        f'callbacks=[{{name="{__name__}:Patient", watched="val_acc"}}]',
        "received watched=val_acc .*Did you mean 'val_accuracy'",
    ),
    (2, f'callbacks=["{__name__}:Stopping"]', "received monitor=val_acc of .*Did you mean 'val_accuracy'"),
    (2, f'schedule="cosine"\ncallbacks=["{__name__}:Plateau"]', "schedule=cosine"),
]


class Patient(keras.callbacks.Callback):
    def __init__(self, watched: str) -> None:
        super().__init__()


class Stopping(keras.callbacks.EarlyStopping):
    def __init__(self, monitor: str = "val_acc") -> None:
        super().__init__(monitor=monitor)


class Plateau(keras.callbacks.ReduceLROnPlateau):
    pass


class Sharpness(keras.metrics.Mean):
    """A metric of one's own that says nothing of right and wrong."""

    def __init__(self) -> None:
        super().__init__(name="sharp")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        super().update_state(keras.ops.ones_like(y_pred))


@pytest.mark.parametrize(("num_classes", "text", "expected"), REFUSED)
def test_what_does_not_fit_the_network_is_refused(num_classes, text, expected, networks):
    with pytest.raises(RecipeError, match=expected):
        check(networks[num_classes], text)


@pytest.mark.parametrize(
    "metrics", ['["F1Score"]', '[{name="fbeta_score", average="macro"}]', '["CategoricalAccuracy"]']
)
def test_the_hint_for_a_metric_works_when_it_is_pasted(metrics, networks):
    with pytest.raises(RecipeError) as refused:
        check(networks[2], f"metrics={metrics}")
    check(networks[2], "\n".join(re.findall(r"--set 'training\.(.*?)'", str(refused.value.hint))))


@pytest.mark.parametrize("num_classes", [2, 3, 7])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "metrics=[]",
        'loss="hinge"',
        'loss={name="mean_squared_error"}\nclass_balance="weights"',
        'loss="dice"',
        'loss={name="binary_crossentropy", label_smoothing=0.3}',
        'loss="poisson"',
        (
            'metrics=["accuracy", "AUC", {name="AUC", curve="PR"}, "Precision", "Recall", "TruePositives"]\n'
            'callbacks=[{name="EarlyStopping", monitor="val_auc_1", mode="max"}]'
        ),
        'metrics=[{name="F1Score", average="macro", threshold=0.5}, "MeanSquaredError", "BinaryCrossentropy"]',
        'metrics=[{name="SensitivityAtSpecificity", specificity=0.5}, {name="PrecisionAtRecall", recall=0.5}]',
        (
            f'metrics=["{__name__}:Sharpness"]\n'
            'callbacks=[{name="EarlyStopping", monitor="val_sharp", mode="max"}, "TerminateOnNaN"]'
        ),
        'epoch_measures=["macro_f1"]\ncallbacks=[{name="ReduceLROnPlateau", monitor="val_macro_f1", mode="max"}]',
        f'callbacks=["{__name__}:Plateau", {{name="EarlyStopping", monitor="added_by_the_first"}}]',
    ],
)
def test_what_fits_the_network_is_left_alone(num_classes, text, networks):
    check(networks[num_classes], text)


@pytest.mark.parametrize(
    "text",
    [
        'loss="sparse_categorical_crossentropy"',
        'loss="sparse_categorical_crossentropy"\nmetrics=["SparseCategoricalAccuracy"]',
        'loss="kl_divergence"\nmetrics=["CategoricalAccuracy", {name="TopKCategoricalAccuracy", k=2}]',
        'metrics=[{name="F1Score", average="macro"}, {name="OneHotIoU", num_classes=3, target_class_ids=[0]}]',
    ],
)
def test_what_fits_three_classes_only(text, networks):
    check(networks[3], text)
    with pytest.raises(RecipeError):
        check(networks[2], text)


@pytest.mark.parametrize(
    ("num_classes", "activation", "last", "expected"),
    [
        (2, None, {}, "numbers from"),
        (3, None, {}, "numbers from"),
        (2, None, {"kernel_initializer": "zeros"}, "numbers from"),
        (2, "relu", {}, "numbers from 0 to"),
        (3, "tanh", {}, "numbers from -"),
        (3, "sigmoid", {}, "rows that sum to"),
        (3, "log_softmax", {}, "numbers from -"),
        (2, "sigmoid", {"kernel_initializer": keras.initializers.Constant(float("nan"))}, "no finite number"),
    ],
)
def test_outputs_that_are_no_probabilities_are_refused(num_classes, activation, last, expected):
    with pytest.raises(RecipeError, match=f"probabilities from architecture 'mine' of plugin acme:main.*{expected}"):
        check(network(num_classes, activation, **last))


def test_a_figure_of_validation_needs_validation_images(tmp_path, networks):
    def directory(num_validation: int) -> Any:
        facts = {"data": {"splits": {"train": {"cat": 2}, "validation": {"cat": 1} if num_validation else {}}}}
        (tmp_path / "run.json").touch()
        return SimpleNamespace(run_json=tmp_path / "run.json", read_run=lambda: facts)

    check(networks[2], 'callbacks=["EarlyStopping"]', directory(1))
    with pytest.raises(RecipeError, match="received monitor=val_loss"):
        check(networks[2], 'callbacks=["EarlyStopping"]', directory(0))


def test_weights_random_states_and_metrics_are_as_before():
    keras.utils.set_random_seed(3)
    model = network(2)
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])

    def state() -> list[Any]:
        variables = [keras.ops.convert_to_numpy(v).tolist() for v in model.variables]
        drawn = keras.random.uniform((2,), seed=keras.random.SeedGenerator(1))
        numpy = np.random.get_state()
        return [variables, random.getstate(), numpy[1].tolist(), numpy[2], np.asarray(drawn).tolist()]

    before = state()
    check(model, "seed=77")
    assert state() == before


def test_a_metric_has_the_same_name_in_every_network_of_a_process():
    training = validate(TrainingSection, {"metrics": ["AUC", {"name": "MeanIoU", "num_classes": 2}]}, "training")
    for _ in range(2):
        assert [metric.name for metric in components.build_metrics(training)] == ["auc", "mean_io_u"]


def test_the_names_of_keras_metrics_are_known_without_keras():
    given = {"num_classes": 2, "target_class_ids": [0], "specificity": 0.5, "sensitivity": 0.5, "recall": 0.5}
    given |= {"precision": 0.5}
    known = [metric for metric in keras_names._classes("metrics").values() if metric.required <= given.keys()]
    assert len(known) > 30
    for metric in known:
        built = getattr(keras.metrics, metric.name)(**{name: given[name] for name in metric.required})
        assert re.sub(r"_[0-9]+$", "", built.name) == metric.default_name
