"""predictions.csv gives back what was written, whatever files are called."""

from __future__ import annotations

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
