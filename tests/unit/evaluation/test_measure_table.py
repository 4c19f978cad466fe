"""The table of measures: figures by hand, plugins beside the core, and whatever a plugin's measure does wrong."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

import cnnforge
from cnnforge.errors import NameConflictError
from cnnforge.evaluation import MEASURES, Predictions, measure, measure_specs, take
from cnnforge.host import Entry, MeasureSpec, PluginHost, Registry, import_deferred
from cnnforge.report import measured_figures
from cnnforge.testing import MeasureContract
from cnnforge_directory.top5 import top5_accuracy


def predictions(labels: list[int], rows: list[list[float]]) -> Predictions:
    class_names = [f"class {number}" for number in range(len(rows[0]))]
    names = [f"{number}.jpg" for number in range(len(labels))]
    return Predictions("test", class_names, names, np.array(labels), np.array(rows, np.float32))


# Labels 0 0 0 1, answers 0 0 1 1: recalls 2/3 and 1, precisions 1 and 1/2.
FOUR = predictions([0, 0, 0, 1], [[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.25, 0.75]])
EXPECTED = {
    "accuracy": 3 / 4,
    "balanced_accuracy": (2 / 3 + 1) / 2,
    "macro_f1": (4 / 5 + 2 / 3) / 2,
    "matthews_correlation": (1 * 2 - 1 * 0) / np.sqrt(2 * 1 * 3 * 2),
    "brier_score": 2 * (0.1**2 + 0.2**2 + 0.6**2 + 0.25**2) / 4,
    "roc_auc": 1,
    "average_precision": 1,
}


def good(predictions: Predictions) -> float:
    return len(predictions.names)


def raising(predictions: Predictions) -> float:
    raise RuntimeError("no luck")


def leaving(predictions: Predictions) -> float:
    sys.exit(3)


def not_a_number(predictions: Predictions) -> float:
    return float("nan")


def infinite(predictions: Predictions) -> float:
    return float("inf")


def text(predictions: Predictions) -> str:
    return "high"


def changing(predictions: Predictions) -> float:
    predictions.probabilities.sort(axis=1)
    return 1.0


def undefined(predictions: Predictions) -> None:
    return None


def spec(name: str, function: str = "good", **fields: object) -> MeasureSpec:
    values = {"title": name.title(), "better": "higher", "compute": f"{__name__}:{function}", **fields}
    return MeasureSpec(name=name, **values)  # type: ignore[arg-type]


def registry_of(*plugins: list[MeasureSpec]) -> Registry:
    host = PluginHost()
    for number, specs in enumerate(plugins):
        plugin = type("Plugin", (), {"cnnforge_measures": cnnforge.hookimpl(lambda self, specs=specs: specs)})
        host.register(plugin(), f"acme{number}:main")
    return Registry(host)


@pytest.mark.parametrize("name", EXPECTED)
def test_each_measure_is_what_is_worked_out_by_hand(name):
    assert measure(FOUR, registry_of())["measures"][name] == pytest.approx(EXPECTED[name], abs=1e-6)


@pytest.mark.parametrize("spec", MEASURES, ids=lambda spec: spec.name)
def test_a_measure_taken_alone_is_the_one_that_the_evaluation_has_to_the_bit(spec):
    found = measure(FOUR, registry_of())
    assert take(FOUR, [Entry(spec, "cnnforge")]) == ({spec.name: found["measures"][spec.name]}, [])
    assert found["measures"][spec.name] == found.get(spec.name, found["measures"][spec.name])


def test_a_guess_has_no_correlation_and_one_class_alone_no_area():
    constant = measure(predictions([0, 0], [[0.9, 0.1], [0.8, 0.2]]), registry_of())
    assert (constant["measures"]["matthews_correlation"], constant["measures"]["roc_auc"]) == (0, None)
    assert constant["warnings"] == []


def test_a_class_without_images_does_not_count_in_balanced_accuracy():
    found = measure(predictions([0, 1], [[0.9, 0.1, 0], [0.2, 0, 0.8]]), registry_of())
    assert found["measures"]["balanced_accuracy"] == 0.5


@pytest.mark.parametrize(("num_classes", "has_it"), [(5, False), (6, True)])
def test_the_five_best_are_measured_of_more_than_five_classes(num_classes, has_it):
    rows = np.eye(num_classes) * 0.5 + 0.5 / num_classes
    labels = [0, 1, 2]
    found = measure(predictions(labels, rows[:3].tolist()), Registry(PluginHost.discover()))
    assert found["measures"].get("top5_accuracy") == (1 if has_it else None)
    assert ("top5_accuracy" in found["measures"]) == has_it


def test_of_six_classes_the_least_probable_is_not_among_the_five_best():
    rows = [[0.3, 0.25, 0.2, 0.15, 0.07, 0.03]] * 2
    assert top5_accuracy(predictions([4, 5], rows)) == 0.5


def test_measures_of_plugins_stand_beside_those_of_the_core():
    registry = registry_of([spec("num_names", needs=2), spec("many", needs=3)])
    found = measure(FOUR, registry)
    assert found["measures"]["num_names"] == 4
    assert "many" not in found["measures"]
    assert list(measure_specs(registry)) == [*(spec.name for spec in MEASURES), "num_names", "many"]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("raising", "RuntimeError: no luck"),
        ("leaving", "SystemExit: 3"),
        ("not_a_number", "expected a finite number, received nan"),
        ("infinite", "expected a finite number, received inf"),
        ("text", "ValueError"),
        ("changing", "read-only"),
        ("nowhere", "cannot import"),
    ],
)
def test_a_measure_that_fails_is_null_and_named_and_the_others_stand(function, message):
    before = FOUR.probabilities.copy()
    found = measure(FOUR, registry_of([spec("acme", function), spec("after")]))
    (warning,) = found["warnings"]
    assert warning.startswith("measure 'acme' of plugin acme0:main")
    assert message in warning
    assert (found["measures"]["acme"], found["measures"]["after"]) == (None, 4)
    assert found["accuracy"] == found["measures"]["accuracy"] == 0.75
    np.testing.assert_array_equal(FOUR.probabilities, before)
    json.dumps(found, allow_nan=False)


def test_a_measure_may_have_no_figure():
    found = measure(FOUR, registry_of([spec("acme", "undefined")]))
    assert (found["measures"]["acme"], found["warnings"]) == (None, [])


def test_a_plugin_cannot_claim_a_measure_of_the_core():
    registry = registry_of([spec("brier_score")], [spec("good")])
    found = measure(FOUR, registry)
    (broken,) = registry.host.broken()
    assert broken.id == "acme0:main"
    assert "measure 'brier_score': expected a name that the core does not have" in str(broken.error)
    assert (found["measures"]["brier_score"], found["measures"]["good"]) == (pytest.approx(EXPECTED["brier_score"]), 4)


def test_two_plugins_with_one_name_conflict_only_when_it_is_used():
    registry = registry_of([spec("good"), spec("other")], [spec("good")])
    found = measure(FOUR, registry)
    assert (found["measures"]["good"], found["measures"]["other"]) == (None, 4)
    assert found["warnings"] == ["measure 'good' is claimed by acme0:main and acme1:main"]
    with pytest.raises(NameConflictError, match="acme0:main and acme1:main"):
        registry.catalogue(MeasureSpec).get("good")


def test_people_read_title_unit_and_direction_of_the_table():
    registry = registry_of([spec("dice", percent=True, title="Dice", better="lower")])
    shown = {f.name: (f.title, f.text.replace("\N{NO-BREAK SPACE}", " "), f.better) for f in measured_figures(
        {"loss": 0.5, "measures": {"loss": 0.5, "accuracy": 0.75, "roc_auc": None, "dice": 0.25, "gone": 2}},
        measure_specs(registry),
    )}  # fmt: skip
    assert shown == {
        "accuracy": ("Accuracy", "75.0 %", "higher"),
        "roc_auc": ("Area under the ROC curve", "–", "higher"),
        "loss": ("Loss (cross-entropy)", "0.5", "lower"),
        "dice": ("Dice", "25.0 %", "lower"),
        "gone": ("gone", "2", ""),
    }


def test_an_older_evaluation_shows_what_it_has():
    shown = measured_figures(
        {"split": "test", "loss": 0.5, "accuracy": 0.75, "roc_auc": 0.8}, measure_specs(registry_of())
    )
    assert [figure.name for figure in shown] == ["accuracy", "roc_auc", "loss"]


def test_the_table_is_light_and_its_functions_are_there():
    code = (
        "import sys; from cnnforge.evaluation import MEASURES; print({'numpy', 'sklearn', 'keras'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
    assert [spec.name for spec in MEASURES if spec.problems() or not import_deferred(spec.compute, "core")] == []


class OfTheCore(MeasureContract):
    """The core's own have no entry point, and keep the rest of the contract."""

    def test_the_entry_module_is_installed_and_light(self) -> None:
        assert self.spec in MEASURES


globals().update({f"Test_{spec.name}": type(f"Test_{spec.name}", (OfTheCore,), {"spec": spec}) for spec in MEASURES})
