"""predictions.csv gives back what was written, whatever files are called."""

from __future__ import annotations

import csv
import os

import numpy as np
import pytest

from cnnforge.errors import DataError
from cnnforge.evaluation.predictions import Predictions, read_predictions


def test_every_bit_and_every_name_comes_back(tmp_path):
    probabilities = np.random.default_rng(0).random((4, 2), np.float32)
    names = ["a.jpg", 'with "quotes", commas\nand lines.jpg', "Zürich.jpg", os.fsdecode(b"caf\xe9.jpg")]
    written = Predictions("test", ["cat", "dog"], names, np.array([0, 1, 1, 0]), probabilities)
    written.write(tmp_path / "predictions.csv")
    found = read_predictions(tmp_path / "predictions.csv", "test")
    assert found.names == names
    assert found.class_names == ["cat", "dog"]
    np.testing.assert_array_equal(found.labels, written.labels)
    np.testing.assert_array_equal(found.probabilities, probabilities)


def test_another_file_is_refused(tmp_path):
    (tmp_path / "predictions.csv").write_text("name,label\na,b\n")
    with pytest.raises(DataError, match="expected the predictions of a run"):
        read_predictions(tmp_path / "predictions.csv", "test")


NAMES = ["=1+1.jpg", "+a", "-2", "@SUM(1)", "\t=1", "\r\n=1", "'=x", "''=x", "'plain", "plain", "=cmd|' /C calc'!A0"]


@pytest.mark.parametrize("classes", [["cat", "dog"], ["=cat", "'=dog"]])
def test_no_name_is_a_formula_and_every_name_comes_back(tmp_path, classes):
    path = tmp_path / "predictions.csv"
    labels = np.arange(len(NAMES)) % 2
    probabilities = np.random.default_rng(0).random((len(NAMES), 2), np.float32)
    Predictions("test", classes, NAMES, labels, probabilities).write(path)
    with path.open(encoding="utf-8", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell[:1] in {"=", "+", "-", "@", "\t", "\r", "\n"}]
    again = read_predictions(path, "test")
    assert (again.names, again.class_names) == (NAMES, classes)
    np.testing.assert_array_equal(again.labels, labels)
    np.testing.assert_array_equal(again.probabilities, probabilities)


def test_a_file_of_before_has_its_names_as_they_were(tmp_path):
    """It was written without apostrophes, so those in it are the names' own."""
    path = tmp_path / "predictions.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["name", "label", "predicted", "p_=cat", "p_dog"])
        writer.writerows([["'=x", "=cat", "dog", "0.1", "0.9"], ["=y", "dog", "dog", "0.1", "0.9"]])
    again = read_predictions(path, "test")
    assert (again.names, again.class_names) == (["'=x", "=y"], ["=cat", "dog"])


def test_a_file_without_such_names_is_the_same_as_before(tmp_path):
    path = tmp_path / "predictions.csv"
    Predictions("test", ["cat", "dog"], ["a", "it's"], np.array([0, 1]), np.eye(2, dtype=np.float32)).write(path)
    assert path.read_bytes() == b"name,label,predicted,p_cat,p_dog\r\na,cat,cat,1,0\r\nit's,dog,dog,0,1\r\n"
