"""`cnnforge runs` and `cnnforge runs prune`: what there is, and what may go."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import filelock
import pytest


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The folder that commands look into when they are not told another."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


def make(
    folder: Path,
    name: str,
    status: str = "finished",
    *,
    accuracy: float | None = None,
    started: str = "2026-01-02T03:04:05+00:00",
    recipe: str = "catsdogs",
    has_weights: bool = True,
) -> Path:
    run = folder / name
    (run / "checkpoints").mkdir(parents=True)
    facts = {"status": status, "started": started, "recipe": recipe, "plugins": {"architecture": {"name": "cnn"}}}
    if has_weights:
        facts["weights"] = {"epoch": 1, "file": "best-0001.npz"}
        (run / "checkpoints" / "best-0001.npz").write_bytes(bytes(2_000_000))
    (run / "run.json").write_text(json.dumps(facts))
    if accuracy is not None:
        measured = {"accuracy": accuracy, "accuracy_interval": [accuracy - 0.05, accuracy + 0.05], "split": "test"}
        (run / "evaluation.json").write_text(json.dumps(measured))
    return run


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_runs_are_listed_sorted_and_filtered(cli, folder):
    make(folder, "a", accuracy=0.7, started="2026-01-03T00:00:00+00:00")
    make(folder, "b", accuracy=0.9)
    make(folder, "c", "failed", recipe="other", has_weights=False)
    (folder / "no-run").mkdir()
    lines = cli("runs").out.splitlines()
    assert lines[2].split() == ["a", "finished", "0.700", "(0.650-0.750)", "2.0"]
    assert [line.split()[0] for line in lines[2:]] == ["a", "b", "c"] or [line.split()[0] for line in lines[2:]] == [
        "a", "c", "b"
    ]  # fmt: skip
    assert [run["name"] for run in json.loads(cli("runs", "--sort", "accuracy", "--json").out)] == ["b", "a", "c"]
    assert [run["name"] for run in json.loads(cli("runs", "--recipe", "other", "--json").out)] == ["c"]
    (failed,) = json.loads(cli("runs", "--status", "failed", "--json").out)
    assert (failed["accuracy"], failed["interval"], failed["has_weights"]) == (None, None, False)
    assert cli("runs", "--status", "interrupted").out == "no runs in runs\n"


def test_a_run_that_is_damaged_is_listed_and_left_alone(cli, folder):
    (make(folder, "a") / "run.json").write_text("{")
    assert json.loads(cli("runs", "--json").out)[0]["status"] == "damaged"
    assert "nothing to delete" in cli("runs", "prune", "--unfinished", "--older-than", "0", "--yes").out


def test_prune_needs_a_rule(cli, folder):
    make(folder, "a", "failed")
    done = cli("runs", "prune", "--yes")
    assert (done.code, names(folder)) == (2, {"a"})


def test_prune_shows_and_deletes_only_when_told_to(cli, folder):
    make(folder, "good", accuracy=0.9)
    make(folder, "bad", "failed", has_weights=False)
    make(folder, "stopped", "interrupted")
    shown = cli("runs", "prune", "--unfinished")
    assert "2 runs, 2.0 MB; nothing is deleted without --yes" in shown.out
    assert names(folder) == {"good", "bad", "stopped"}
    assert "deleted 2 of 2 runs" in cli("runs", "prune", "--unfinished", "--yes").out
    assert names(folder) == {"good"}


def test_the_only_weights_of_a_recipe_are_kept(cli, folder):
    make(folder, "only", "interrupted")
    make(folder, "other", "failed", recipe="other", has_weights=False)
    cli("runs", "prune", "--unfinished", "--yes")
    assert names(folder) == {"only"}
    cli("runs", "prune", "--older-than", "0", "--yes")
    assert names(folder) == {"only"}


def test_the_best_of_each_recipe_are_kept(cli, folder):
    for number in range(4):
        make(folder, f"a{number}", accuracy=0.5 + number / 10)
        make(folder, f"b{number}", accuracy=0.9 - number / 10, recipe="other")
    make(folder, "stopped", "interrupted")
    cli("runs", "prune", "--keep-best", "2", "--yes")
    assert names(folder) == {"a2", "a3", "b0", "b1", "stopped"}


def test_older_than_narrows_the_choice(cli, folder):
    recent = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
    make(folder, "best", accuracy=0.9)
    make(folder, "old", "failed")
    make(folder, "new", "failed", started=recent)
    cli("runs", "prune", "--unfinished", "--older-than", "1", "--yes")
    assert names(folder) == {"best", "new"}


def test_a_running_run_is_never_touched(cli, folder):
    make(folder, "best", accuracy=0.9)
    run = make(folder, "busy", "started")
    lock = filelock.FileLock(run / "run.lock")
    with lock:
        assert json.loads(cli("runs", "--status", "running", "--json").out)[0]["name"] == "busy"
        cli("runs", "prune", "--unfinished", "--older-than", "0", "--yes")
        assert "busy" in names(folder)


def test_a_run_whose_process_was_killed_may_go(cli, folder):
    make(folder, "best", accuracy=0.9)
    run = make(folder, "dead", "started")
    code = f"import filelock, os; filelock.FileLock({str(run / 'run.lock')!r}).acquire(); os._exit(9)"
    subprocess.run([sys.executable, "-c", code], check=False)
    (run / "run.lock").touch()
    assert json.loads(cli("runs", "--status", "killed", "--json").out)[0]["name"] == "dead"
    cli("runs", "prune", "--unfinished", "--yes")
    assert names(folder) == {"best"}


def test_without_a_lock_a_run_counts_as_running_for_a_day_after_its_last_write(cli, folder):
    run = make(folder, "busy", "started")
    assert json.loads(cli("runs", "--json").out)[0]["status"] == "running"
    for path in (*run.rglob("*"), run):
        os.utime(path, (0, time.time() - 2 * 24 * 3600))
    assert json.loads(cli("runs", "--json").out)[0]["status"] == "killed"


def test_no_folder_of_runs_is_no_error(cli, folder):
    assert (cli("runs").out, json.loads(cli("runs", "--json").out)) == ("no runs in runs\n", [])
