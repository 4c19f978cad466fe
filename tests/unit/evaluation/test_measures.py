"""The measures, against figures worked out by hand."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from cnnforge.evaluation.calibration import NUM_BINS
from cnnforge.evaluation.evaluation import worst_mistakes
from cnnforge.evaluation.intervals import wilson_interval
from cnnforge.evaluation.measures import measure as measure_of
from cnnforge.evaluation.predictions import Predictions, read_predictions
from cnnforge.evaluation.ranking import MAX_CURVE_POINTS
from cnnforge.host import PluginHost, Registry
from cnnforge.system.files import write_json


def predictions(labels: list[int], rows: list[list[float]], class_names: tuple[str, ...] = ("cat", "dog")):
    names = [f"{number}.jpg" for number in range(len(labels))]
    return Predictions("test", class_names, names, np.array(labels), np.array(rows, np.float32))


def of_dogs(labels: list[int], probabilities: list[float]) -> Predictions:
    return predictions(labels, [[1 - p, p] for p in probabilities])


REGISTRY = Registry(PluginHost())


def measure(predictions: Predictions) -> dict[str, Any]:
    return measure_of(predictions, REGISTRY)


FOUR = of_dogs([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9])


def test_what_is_right_and_what_is_taken_for_what():
    measured = measure(FOUR)
    assert (measured["accuracy"], measured["confusion_matrix"]) == (0.5, [[1, 1], [1, 1]])
    assert measured["loss"] == pytest.approx(-sum(map(math.log, (0.9, 0.4, 0.4, 0.9))) / 4, abs=1e-6)
    assert measured["baseline_accuracy"] == 0.5


def test_the_baseline_is_the_commonest_class():
    measured = measure(of_dogs([1, 1, 0], [0.9, 0.9, 0.9]))
    assert (measured["baseline_class"], measured["baseline_accuracy"]) == ("dog", pytest.approx(2 / 3))


def test_each_class_has_its_precision_recall_and_f1():
    cat, dog = measure(of_dogs([0, 0, 0, 1], [0.1, 0.2, 0.8, 0.9]))["per_class"]
    assert (cat["name"], cat["precision"], cat["recall"], cat["num_images"]) == ("cat", 1, pytest.approx(2 / 3), 3)
    assert (dog["precision"], dog["recall"], dog["f1"]) == (0.5, 1, pytest.approx(2 / 3))


def test_each_class_has_the_intervals_of_its_recall_and_precision():
    measured = measure(of_dogs([0, 0, 0, 1], [0.1, 0.2, 0.8, 0.9]))
    assert measured["recall_intervals"] == [wilson_interval(2, 3), wilson_interval(1, 1)]
    assert measured["precision_intervals"] == [wilson_interval(2, 2), wilson_interval(1, 2)]
    low, high = measured["balanced_accuracy_interval"]
    assert low < measured["measures"]["balanced_accuracy"] < high


def test_a_class_without_images_or_answers_has_no_interval():
    measured = measure(of_dogs([0, 0], [0.1, 0.2]))
    assert measured["recall_intervals"] == [wilson_interval(2, 2), None]
    assert measured["precision_intervals"] == [wilson_interval(2, 2), None]
    assert measured["balanced_accuracy_interval"] == pytest.approx(wilson_interval(2, 2))


def test_a_class_never_predicted_has_precision_zero():
    assert measure(of_dogs([0, 1], [0.1, 0.2]))["per_class"][1] | {"roc_auc": 0, "average_precision": 0} == {
        "name": "dog", "precision": 0, "recall": 0, "f1": 0, "num_images": 1, "roc_auc": 0, "average_precision": 0
    }  # fmt: skip


def test_the_area_is_the_share_of_pairs_in_the_right_order():
    # Dogs 0.4 and 0.9 against cats 0.1 and 0.6: three of the four pairs are in the right order.
    measured = measure(FOUR)
    assert measured["roc_auc"] == measured["per_class"][0]["roc_auc"] == 0.75
    (curve,) = measured["roc_curves"]
    assert curve["name"] == "dog"
    assert (curve["false_positive_rate"], curve["true_positive_rate"]) == ([0, 0, 0.5, 0.5, 1], [0, 0.5, 0.5, 1, 1])


def test_average_precision_of_a_class():
    # Dogs stand first and third: precision 1/1 at the first, 2/3 at the second.
    assert measure(FOUR)["per_class"][1]["average_precision"] == pytest.approx((1 + 2 / 3) / 2)


def test_three_classes_have_a_curve_each_and_one_that_is_missing_has_none():
    rows = [[0.7, 0.2, 0.1], [0.2, 0.7, 0.1], [0.6, 0.3, 0.1]]
    measured = measure(predictions([0, 1, 1], rows, ("a", "b", "c")))
    assert [curve["name"] for curve in measured["roc_curves"]] == ["a", "b"]
    assert [row["roc_auc"] for row in measured["per_class"]] == [1, 1, None]
    assert measured["roc_auc"] == 1


def test_one_class_alone_has_no_ranking():
    measured = measure(of_dogs([1, 1], [0.3, 0.9]))
    assert (measured["roc_auc"], measured["average_precision"], measured["roc_curves"]) == (None, None, [])


def test_a_curve_of_many_points_is_thinned_and_its_ends_stay():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 4000)
    (curve,) = measure(of_dogs(labels.tolist(), generator.random(4000).tolist()))["roc_curves"]
    rates = curve["false_positive_rate"], curve["true_positive_rate"]
    assert [len(rate) for rate in rates] == [MAX_CURVE_POINTS] * 2
    assert [(rate[0], rate[-1]) for rate in rates] == [(0, 1), (0, 1)]


def test_calibration_compares_what_is_said_with_what_is_so():
    # Three said with 0.9 of which two are right, one with 0.65 and right.
    measured = measure(of_dogs([1, 1, 0, 0], [0.9, 0.9, 0.9, 0.35]))
    assert measured["expected_calibration_error"] == pytest.approx((3 * (0.9 - 2 / 3) + (1 - 0.65)) / 4, abs=1e-6)
    low, high = measured["reliability"]
    assert (low["num_images"], low["accuracy"], low["confidence"]) == (1, 1, pytest.approx(0.65))
    assert (high["num_images"], high["accuracy"]) == (3, pytest.approx(2 / 3))
    assert high["low"] < 0.9 <= high["high"] == pytest.approx(14 / NUM_BINS)


def test_a_certain_prediction_falls_into_the_last_bin():
    (last,) = measure(of_dogs([1, 0], [1, 0]))["reliability"]
    assert (last["high"], last["accuracy"], last["num_images"]) == (1, 1, 2)


@pytest.mark.parametrize(
    ("num_right", "num_images", "low", "high"), [(9, 10, 0.596, 0.982), (0, 10, 0, 0.278), (10, 10, 0.722, 1)]
)
def test_wilsons_interval(num_right, num_images, low, high):
    # As in Brown, Cai and DasGupta 2001, and in R: prop.test(9, 10, correct = FALSE).
    assert wilson_interval(num_right, num_images) == pytest.approx((low, high), abs=5e-4)


def test_the_worst_mistakes_are_the_most_certain_ones():
    found = worst_mistakes(of_dogs([0, 0, 1, 1], [0.7, 0.9, 0.2, 0.8]), 2)
    assert found.tolist() == [1, 2]


def test_predictions_come_back_from_their_file_to_the_bit(tmp_path):
    generator = np.random.default_rng(0)
    rows = generator.dirichlet([1, 1, 1], 50).astype(np.float32)
    labels = generator.integers(0, 3, 50)
    written = Predictions("test", ["a, b", 'c"', "ü"], [f"x/{n},\n.jpg" for n in range(50)], labels, rows)
    written.write(tmp_path / "predictions.csv")
    found = read_predictions(tmp_path / "predictions.csv", "test")
    assert (found.class_names, found.names) == (written.class_names, written.names)
    np.testing.assert_array_equal(found.labels, labels)
    np.testing.assert_array_equal(found.probabilities, rows)


def test_numbers_stand_on_one_line_and_texts_stay_as_they_are(tmp_path):
    value = {"a": [[1, 2.5], [-3, 1e-9]], "b": ["[\n1\n]", None], "c": []}
    write_json(tmp_path / "x.json", value)
    text = (tmp_path / "x.json").read_text()
    assert json.loads(text) == value
    assert "[1, 2.5]" in text
