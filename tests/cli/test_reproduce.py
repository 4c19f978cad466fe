"""`cnnforge reproduce`: equal, within tolerance, or different, and because of what."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cnnforge.running.run_dir import RunDir
from cnnforge_compare.reproduction import compare

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def again(trained, tmp_path_factory) -> tuple[dict, Path]:
    """What the command prints for the trained run, and the folder of its second training."""
    import subprocess
    import sys

    folder = tmp_path_factory.mktemp("again")
    done = subprocess.run(
        [sys.executable, "-m", "cnnforge", "reproduce", str(trained.run), "--runs-dir", str(folder), "--json"],
        capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    (run,) = folder.iterdir()
    return json.loads(done.stdout), run


def test_the_same_machine_gives_the_same_bits(again, trained):
    found, run = again
    assert (found["verdict"], found["causes"]) == ("equal", [])
    assert found["figures"]["accuracy"][0] == found["figures"]["accuracy"][1]
    assert json.loads((run / "reproduction.json").read_text()) == found
    assert (run / "predictions.csv").read_text() == (trained.run / "predictions.csv").read_text()


def test_what_differs_is_named(again, trained, tmp_path):
    run = RunDir(Path(shutil.copytree(again[1], tmp_path / "other")))
    facts = run.read_run()
    facts["plugins"]["architecture"]["version"] = "9.9"
    facts["data"]["fingerprint"] = "another"
    lines = [json.loads(line) for line in run.manifest.read_text().splitlines()]
    name = lines[0]["name"]
    lines[0]["sha256"] = "another"
    run.manifest.write_text("\n".join(map(json.dumps, lines)))
    run.update_run(plugins=facts["plugins"], data=facts["data"])
    found = compare(RunDir(trained.run), run)
    assert any(cause.startswith("plugins.architecture.version: was") for cause in found.causes)
    assert f"data: 1 changed content: {name}" in found.causes


@pytest.mark.parametrize(("shift", "verdict"), [(0.0, "within tolerance"), (0.9, "different")])
def test_the_verdict_follows_from_the_interval(again, trained, tmp_path, shift, verdict):
    run = RunDir(Path(shutil.copytree(again[1], tmp_path / "other")))
    lines = run.metrics.read_text().splitlines()
    run.metrics.write_text("\n".join(lines[:-1]))
    measured = run.read_evaluation()
    run.evaluation.write_text(json.dumps({**measured, "accuracy": abs(measured["accuracy"] - shift)}))
    assert compare(RunDir(trained.run), run).verdict == verdict


def test_timings_do_not_count(again, trained, tmp_path):
    run = RunDir(Path(shutil.copytree(again[1], tmp_path / "other")))
    lines = [json.loads(line) | {"seconds": 99.0} for line in run.metrics.read_text().splitlines()]
    run.metrics.write_text("\n".join(map(json.dumps, lines)))
    assert compare(RunDir(trained.run), run).verdict == "equal"


def test_a_run_that_did_not_finish_cannot_be_compared(cli, trained, tmp_path):
    run = trained.copy(tmp_path)
    RunDir(run).update_run(status="interrupted")
    done = cli("reproduce", str(run), "--runs-dir", str(tmp_path / "runs"))
    assert (done.code, (tmp_path / "runs").exists()) == (2, False)
