"""What the parity gate lets through, and what it says of what it does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cnnforge.errors import ExportError
from cnnforge_export import parity

NAMES = ["a.png", "b.png", "c.png"]
EXPECTED = np.array([[0.9, 0.1], [0.2, 0.8], [0.5000001, 0.4999999]])


def test_the_same_probabilities_pass() -> None:
    found = parity.compare("pixels", NAMES, EXPECTED + 1e-6, EXPECTED, 1e-4)
    found.require()
    assert (found.num_images, found.num_other_class) == (3, 0)
    assert found.max_difference == pytest.approx(1e-6)


def test_the_worst_image_is_named() -> None:
    moved = EXPECTED + np.array([[0, 0], [0.01, -0.01], [0.001, -0.001]])
    with pytest.raises(ExportError, match=r"within 0.0001 .*a difference of 0.01 for b.png"):
        parity.compare("pixels", NAMES, moved, EXPECTED, 1e-4).require()


def test_another_class_is_named() -> None:
    with pytest.raises(ExportError, match=r"another for 2 of 3 \(pixels\), such as a.png"):
        parity.compare("pixels", NAMES, EXPECTED[:, ::-1], EXPECTED, 1e-4).require()


def test_a_tie_within_the_tolerance_is_no_other_class() -> None:
    tied = EXPECTED + np.array([[0, 0], [0, 0], [-1e-5, 1e-5]])
    assert tied[2].argmax() != EXPECTED[2].argmax()
    parity.compare("pixels", NAMES, tied, EXPECTED, 1e-4).require()
    assert parity.compare("pixels", NAMES, tied, EXPECTED, None).num_other_class == 1


def test_what_is_no_number_does_not_pass() -> None:
    with pytest.raises(ExportError, match=r"difference of inf for c\.png"):
        parity.compare("pixels", NAMES, EXPECTED * [[1], [1], [np.nan]], EXPECTED, 1e-4).require()


def test_a_script_that_fails_is_quoted(tmp_path: Path) -> None:
    (tmp_path / parity.SCRIPT).write_text("raise SystemExit('no such operation')", encoding="utf-8")
    with pytest.raises(ExportError, match="no such operation"):
        parity.classify(tmp_path, NAMES)


def test_a_script_that_skips_files_does_not_pass(tmp_path: Path) -> None:
    (tmp_path / parity.SCRIPT).write_text("print('file,predicted,p_x\\na.png,x,1')", encoding="utf-8")
    with pytest.raises(ExportError, match="no line for some files"):
        parity.classify(tmp_path, NAMES)
    assert parity.classify(tmp_path, NAMES[:1]).tolist() == [[1.0]]
