"""A trial in a worker: whatever ends it is written down, with the reason and the cause."""

from __future__ import annotations

import json

import pytest

from cnnforge.host.plugin_host import PluginHost
from cnnforge.host.registry import Registry
from cnnforge.recipe.loading import load_recipe
from cnnforge.running.run_dir import RunDir
from cnnforge_tuning.local import LocalExecutor, WorkerDiedError
from cnnforge_tuning.objective import Objective
from cnnforge_tuning.trial import Task, outcome, remove_weights, run_trial

ACCURACY = Objective("val_accuracy", is_max=True)

SOURCE = """
import os, signal, sys, threading
import cnnforge

class WoefulOptions(cnnforge.Options):
    how: str = ""

@cnnforge.hookimpl
def cnnforge_data_sources():
    yield cnnforge.DataSourceSpec(name="woeful", summary="woeful", open="woeful:open_source", options=WoefulOptions)

def open_source(options):
    print("about to", options.how)
    if options.how == "raise":
        raise KeyError("no such photograph")
    if options.how == "exit":
        sys.exit(3)
    if options.how == "leave":
        os._exit(3)
    if options.how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if options.how == "run out of memory":
        bytearray(2**60)
    if options.how == "interrupt":
        raise KeyboardInterrupt
    threading.Event().wait()
"""


@pytest.mark.parametrize(
    ("how", "status", "kind", "reason"),
    [
        ("raise", "failed", "KeyError", "KeyError: 'no such photograph'"),
        ("exit", "failed", "SystemExit", "SystemExit: 3"),
        ("leave", "failed", "exited", "its process ended with exit code 3"),
        ("kill", "failed", "killed", "its process was ended by SIGKILL"),
        ("run out of memory", "failed", "out of memory", "MemoryError"),
        ("interrupt", "interrupted", "KeyboardInterrupt", "KeyboardInterrupt"),
        ("hang", "failed", "hangs", "trained longer than its time limit"),
    ],
)
def test_whatever_ends_a_trial_is_written_down(site, tmp_path, how, status, kind, reason):
    site.install("woeful", SOURCE)
    text = load_recipe("catsdogs", Registry(PluginHost.discover()), ["data.source='woeful'", f"data.how='{how}'"])
    limit = 3.0 if how == "hang" else None
    task = Task(tmp_path / "t", text.to_toml(), ACCURACY, time_limit_seconds=limit)
    with LocalExecutor(1) as executor:
        error = executor.submit(run_trial, task).exception()
    found = outcome(RunDir(task.directory), ACCURACY, error)
    assert (found.status, found.kind, found.history) == (status, kind, [])
    assert found.reason.startswith(reason)
    if how in ("raise", "exit", "hang"):
        assert "open_source" in found.cause
    assert f"about to {how}" in (task.directory / "log.txt").read_text(encoding="utf-8") or how in (
        "leave",
        "kill",
        "hang",
    )


def test_a_trial_that_fails_writes_its_report_once(tiny_images, tmp_path, monkeypatch):
    settings = [f"data.path={json.dumps(str(tiny_images))}", "data.image_size=[8,8]"]
    recipe = load_recipe("directory-cnn", Registry(PluginHost.discover()), settings)
    reports = []
    monkeypatch.setattr("cnnforge.running.run.write_report", lambda directory, _: reports.append(directory))
    run_trial(Task(tmp_path / "t", recipe.to_toml(), ACCURACY))
    assert reports == [tmp_path / "t"]
    directory = RunDir(tmp_path / "t")
    assert directory.read_run()["status"] == "failed"
    assert outcome(directory, ACCURACY, None).kind == "RecipeError"


def finished(path, lines, **run):
    path.mkdir()
    (path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    (path / "run.json").write_text(json.dumps({"status": "finished", **run}), encoding="utf-8")
    return RunDir(path)


def test_a_finished_trial_has_the_objective_of_each_epoch(tmp_path):
    lines = [{"epoch": 1, "val_accuracy": 0.5}, {"epoch": 2, "val_accuracy": 0.75}]
    found = outcome(finished(tmp_path / "t", lines), ACCURACY, None)
    assert (found.status, found.history, found.reason) == ("finished", [0.5, 0.75], "")


def test_a_pruned_trial_is_one_that_its_run_says_so_of(tmp_path):
    directory = finished(tmp_path / "t", [{"epoch": 1, "val_accuracy": 0.5}], pruned={"epoch": 1, "rule": "median"})
    assert outcome(directory, ACCURACY, None).status == "pruned"


@pytest.mark.parametrize("lines", [[], [{"epoch": 1, "val_loss": 0.1}], [{"epoch": 1, "val_accuracy": float("nan")}]])
def test_without_a_finite_objective_a_trial_has_failed_and_scored_nothing(tmp_path, lines):
    found = outcome(finished(tmp_path / "t", lines), ACCURACY, None)
    assert (found.status, found.kind) == ("failed", "no score")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"status": "started"}'])
def test_a_result_that_cannot_be_read_is_garbage(tmp_path, content):
    directory = finished(tmp_path / "t", [{"epoch": 1, "val_accuracy": 0.5}])
    directory.run_json.write_text(content)
    assert outcome(directory, ACCURACY, None).kind == "garbage"


def test_a_worker_that_died_leaves_the_end_of_its_log_as_the_cause(tmp_path):
    directory = RunDir(tmp_path)
    directory.log.write_text("one\nterminate called after throwing an instance of 'std::bad_alloc'\n", encoding="utf-8")
    found = outcome(directory, ACCURACY, WorkerDiedError(-6))
    assert (found.kind, found.reason) == ("killed", "its process was ended by SIGABRT")
    assert found.cause.endswith("'std::bad_alloc'")


def test_removing_weights_leaves_the_figures(tmp_path):
    directory = finished(tmp_path / "t", [])
    directory.checkpoints.mkdir()
    (directory.checkpoints / "last-000001.npz").write_bytes(b"1")
    directory.model.write_bytes(b"1")
    remove_weights(directory)
    assert {path.name for path in directory.path.iterdir()} == {"metrics.jsonl", "run.json"}
