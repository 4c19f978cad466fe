"""The model card: facts of the run, in Markdown that no name can break."""

from __future__ import annotations

from pathlib import Path

import pytest

from cnnforge.report import writing as report
from tests.unit.report.test_report import (
    HOSTILE,
    REGISTRY,
    cats_and_dogs,
    evaluation,
    reliability,
    run,
    suspects,
    write,
)

RECIPE = """
name = "catsdogs"
[data]
image_size = [150, 150]
[training]
epochs = 3
optimizer = { name = "sgd", momentum = 0.9 }
augmentation = { flip = "horizontal", crop = 1.0, rotation = 10.0 }
"""


def card(path: Path, **contents: object) -> str:
    run_dir = write(path, **contents)
    report.write_report(run_dir.path, REGISTRY)
    return run_dir.model_card.read_text(encoding="utf-8").replace("\N{NO-BREAK SPACE}", " ")


def test_the_card_states_the_figures_of_the_run(tmp_path: Path) -> None:
    found = cats_and_dogs(roc_auc=0.8751, reliability=reliability((0.95, 0.806, 2000)), expected_calibration_error=0.14)
    text = card(tmp_path, evaluation=found, recipe=RECIPE, examples=suspects(7))
    assert "| Accuracy | 80.6 % |" in text
    assert "| Accuracy of always “cat” | 50.2 % |" in text
    assert "| Area under the ROC curve | 0.875 |" in text
    assert "resized to 150 × 150 pixels" in text
    assert "- optimizer: name sgd, momentum 0.9" in text
    assert "- augmentation: flip horizontal, rotation 10.0\n" in text
    assert "Telling photographs of these classes apart: cat, dog." in text
    assert "- On average the network says 95.0 % and is right 80.6 % of the time: it is too sure of itself" in text
    assert "- Labels that may be wrong: 7 of 2,000." in text


def test_an_older_run_gets_a_card_without_what_it_did_not_measure(tmp_path: Path) -> None:
    text = card(tmp_path, evaluation=cats_and_dogs(), recipe=None)
    assert "| Accuracy | 80.6 % |" in text
    assert "ROC" not in text
    assert "Labels that may be wrong" not in text


def test_a_run_that_was_not_evaluated_has_no_card(tmp_path: Path) -> None:
    run_dir = write(tmp_path)
    report.write_report(run_dir.path, REGISTRY)
    assert not run_dir.model_card.exists()


def test_of_many_classes_the_weakest_are_listed(tmp_path: Path) -> None:
    names = [f"class {i}" for i in range(60)]
    found = evaluation(names, [[8 if i == j else 0 for j in range(60)] for i in range(60)])
    found["per_class"] = [{**row, "f1": i / 60} for i, row in enumerate(found["per_class"])]
    text = card(tmp_path, evaluation=found)
    assert "Class by class, the 20 of lowest F1:" in text
    assert "| class 19 |" in text
    assert "| class 20 |" not in text
    assert "class 19 and 40 more" in text


@pytest.mark.parametrize("name", [HOSTILE, "a | b", "# no heading\n## none", "`code`", "[link](https://example.com)"])
def test_no_name_is_markup(tmp_path: Path, name: str) -> None:
    facts = run(recipe=name)
    facts["data"] |= {"notice": name, "location": name, "warnings": [name]}
    text = card(tmp_path, run=facts, evaluation=evaluation([name, "dog"], [[3, 1], [1, 3]]))
    unescaped = text.replace("\\\\", "")
    for mark in "`*_[]<>|#":
        unescaped = unescaped.replace(f"\\{mark}", "")
    assert "<" not in unescaped
    assert "[" not in unescaped
    assert unescaped.count("`") == 2  # of the model's file name
    headings = [line for line in unescaped.splitlines() if line.startswith("#")]
    assert headings[0].startswith("# Model card: ")
    assert len(headings) == 8
    assert {line.count("|") for line in unescaped.splitlines() if line.startswith("| ")} == {3, 7}
