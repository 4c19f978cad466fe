"""Runs, studies and exports of the version before the code was moved: they give what they gave, to the last bit.

``tests/fixtures/before/make.py`` says how they were made. The last bits of figures depend on the processor and on the
libraries, so where those are not the ones in ``conditions.json`` figures are compared within a tolerance.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnnforge.testing.pytest_plugin import Outcome
from tests.fixtures.before.unpack import conditions, unpack

pytestmark = pytest.mark.slow

Cli = Callable[..., Outcome]
TIMES = {"seconds", "training_seconds", "waiting_seconds", "images_per_second"}
NOW = {"updated", "command", "path", "process"}
CLOSE, TRAINED = 1e-6, 0.1  # allowed on another processor: of one pass through the network, and after training


@pytest.fixture
def before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with all that the version before left in it."""
    folder = tmp_path / "before"
    unpack(folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("CNNFORGE_LOAD_PLUGINS", "")  # a plugin that adds callbacks would make them other trainings
    return folder


def text(path: str | Path) -> str:
    return Path(path).read_text(encoding="utf-8")


def read(path: str | Path) -> Any:
    return json.loads(text(path))


def history(run: str) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in text(f"{run}/metrics.jsonl").splitlines()]
    # Keras numbers the metrics of a process: auc, auc_1.
    return [{re.sub(r"_\d+$", "", name): line[name] for name in line if name not in TIMES} for line in lines]


def without(facts: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if name not in names}


def arrays(run: str, pattern: str) -> list[Any]:
    (path,) = Path(run, "checkpoints").glob(pattern)
    with np.load(path) as file:
        return [file[name].tolist() for name in file.files]


def leaves(value: Any) -> Iterator[Any]:
    """Yield the single values of lists, dictionaries and tables of CSV, numbers as numbers."""
    if isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from leaves(item)
    elif isinstance(value, str):
        yield from (float(cell) if re.fullmatch(r"[\d.e+-]*\d", cell) else cell for cell in re.split("[,\n]", value))
    else:
        yield value


def check(found: Any, expected: Any, tolerance: float = CLOSE) -> None:
    """Compare figures: to the last bit under the conditions in which they were made, else within a tolerance."""
    if conditions() == read("conditions.json"):
        assert found == expected
    else:
        assert list(leaves(found)) == [
            pytest.approx(value, rel=tolerance, abs=tolerance) if isinstance(value, float) else value
            for value in leaves(expected)
        ]


def must(outcome: Outcome) -> str:
    assert outcome.code == 0, outcome.err
    return outcome.out


def test_a_finished_run_is_evaluated_asked_and_reported(before: Path, cli: Cli) -> None:
    run = "runs/finished"
    expected = read(f"{run}/evaluation.json")
    must(cli("evaluate", run))
    (folder,) = Path(run, "evaluations").iterdir()
    found = read(folder / "evaluation.json")
    check({key: found[key] for key in expected}, expected)  # there are more since
    check(text(folder / "predictions.csv"), text(f"{run}/predictions.csv"))
    check(must(cli("predict", run, "photographs", "--csv")), text("predicted.csv"))
    must(cli("report", run))
    assert f"{100 * expected['accuracy']:.1f}" in text(f"{run}/report.html")
    assert "nothing to resume" in must(cli("run", "--resume", run))


def test_an_interrupted_run_ends_as_it_did(before: Path, cli: Cli) -> None:
    run, expected = "runs/interrupted", "runs/finished"
    must(cli("run", "--resume", run))
    check(history(run), history(expected), TRAINED)
    for name in ("best-*.npz", "last-*.npz"):
        check(arrays(run, name), arrays(expected, name), TRAINED)
    found, figures = read(f"{run}/evaluation.json"), read(f"{expected}/evaluation.json")
    check({key: found[key] for key in figures}, figures, TRAINED)  # there are more since
    check(text(f"{run}/predictions.csv"), text(f"{expected}/predictions.csv"), TRAINED)


def test_a_recipe_written_out_trains_the_same_again(before: Path, cli: Cli) -> None:
    must(cli("run", "full.toml", "--runs-dir", "runs", "--name", "again"))
    check(history("runs/again"), history("runs/finished"), TRAINED)
    assert text("runs/again/recipe.toml") == text("full.toml")


def tune(cli: Cli, name: str) -> tuple[str, Path]:
    return must(cli("tune", "space.toml", "--studies-dir", "studies", "--name", name)), Path("studies", name)


def test_a_finished_study_is_over(before: Path, cli: Cli) -> None:
    names = ("journal.jsonl", "metrics.jsonl", "best.toml", "trials.csv")  # with times, so nothing is trained again
    files = {path: path.read_bytes() for name in names for path in Path("studies/finished").rglob(name)}
    facts = without(read("studies/finished/study.json"), NOW)
    said, study = tune(cli, "finished")
    assert "2 trials are over, 0 were interrupted" in said
    assert {path: path.read_bytes() for name in names for path in study.rglob(name)} == files
    assert without(read(study / "study.json"), NOW) == facts


def test_an_interrupted_study_goes_on(before: Path, cli: Cli) -> None:
    shutil.copytree("studies/finished/confirmation", "studies/interrupted/confirmation")  # not to wait for it
    said, study = tune(cli, "interrupted")
    assert "1 trials are over, 1 were interrupted" in said
    assert read(study / "trials" / "0001" / "run.json")["resumes"][0]["batch"]
    found, expected = read(study / "study.json"), read("studies/finished/study.json")
    here, there = ([without(trial, {"seconds"}) for trial in facts["trials"]] for facts in (found, expected))
    check(here, there, TRAINED)
    assert [found[name] for name in ("status", "best", "winner")] == ["finished", expected["best"], expected["winner"]]
    assert text(study / "best.toml") == text("studies/finished/best.toml")


@pytest.mark.parametrize("kind", ["onnx", "keras"])
def test_an_exported_folder_classifies(before: Path, kind: str) -> None:
    if kind == "onnx":
        pytest.importorskip("onnxruntime", reason="the script beside an ONNX model needs onnxruntime")
    expected = text(f"exports/{kind}/classified.csv")
    images = [line.partition(",")[0] for line in expected.splitlines()[1:]]
    done = subprocess.run(
        [sys.executable, "classify.py", *images], cwd=f"exports/{kind}", check=True, capture_output=True, text=True
    )
    check(done.stdout, expected)
