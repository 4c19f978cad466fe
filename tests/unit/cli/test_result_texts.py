"""What a terminal says of a result: nothing that flatters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cnnforge.evaluation.measures import measure
from cnnforge.evaluation.predictions import Predictions
from cnnforge.host import PluginHost, Registry
from cnnforge.running.steps import _result_lines, _speed_line
from cnnforge_evaluate.command import _text

CLASSES = ("cat", "dog", "emu")


def evaluated(matrix: list[list[int]]) -> dict[str, Any]:
    """The evaluation of so many images by label and answer."""
    answers = [answer for row in matrix for answer, number in enumerate(row) for _ in range(number)]
    labels = [label for label, row in enumerate(matrix) for _ in range(sum(row))]
    names = [f"{n}.jpg" for n in range(len(labels))]
    probabilities = np.eye(len(matrix), dtype=np.float32)[answers]
    predictions = Predictions("test", CLASSES[: len(matrix)], names, np.array(labels), probabilities)
    return {**measure(predictions, Registry(PluginHost())), "location": "photographs"}


def lines(evaluation: dict[str, Any]) -> list[str]:
    return [" ".join(line.split()) for line in _text(evaluation).splitlines()]


UNEVEN = evaluated([[40, 0, 0], [0, 18, 2], [0, 0, 1]])


def test_a_class_of_one_test_image_is_a_count_with_its_interval() -> None:
    assert "emu 1 1 of 1 20.7 % to 100.0 % 1 of 3 \N{EN DASH} 0.9833" in lines(UNEVEN)
    assert any(line.startswith("dog 20 90.0 % 69.9 % to 97.2 % 100.0 % 94.7 %") for line in lines(UNEVEN))


def test_a_class_without_images_is_none() -> None:
    assert "emu 0 \N{EN DASH} \N{EN DASH} \N{EN DASH} -" in lines(evaluated([[20, 0, 0], [0, 20, 0], [0, 0, 0]]))


def test_uneven_classes_lead_with_balanced_accuracy() -> None:
    balanced, accuracy = _result_lines(UNEVEN)
    assert balanced.startswith("Balanced 0.967, the mean over the classes, which are uneven (95 % interval 0.6")
    assert accuracy.startswith("Accuracy 0.967 on 61 test images (95 % interval 0.888 to 0.991; always 'cat': 0.656")
    shown = lines(UNEVEN)
    assert shown.index("Balanced accuracy 96.7 %") < shown.index("Accuracy 96.7 %")
    assert [line[:8] for line in _result_lines(evaluated([[20, 0], [2, 10]]))] == ["Accuracy"]


@pytest.mark.parametrize(("matrix", "is_said"), [([[3, 0], [1, 2]], True), ([[30, 0], [10, 20]], False)])
def test_it_is_said_where_nothing_shows_that_it_learned(matrix: list[list[int]], is_said: bool) -> None:
    text = " ".join(lines(evaluated(matrix)))
    assert ("there is no evidence that the network has learned" in text) == is_said


def test_the_speed_is_said_with_its_epochs() -> None:
    facts = {"images_per_second": 18.2, "waiting_share": 0.0, "peak_memory_bytes": 0, "seconds": {"total": 162}}
    assert _speed_line({**facts, "speed_phase": "epochs 16 to 18"}).startswith(
        "Speed    18 images/s in epochs 16 to 18,"
    )
    assert _speed_line(facts).startswith("Speed    18 images/s, 0.0%")
