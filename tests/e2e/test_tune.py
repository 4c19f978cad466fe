"""Whole studies on small images, started as people start them: what they leave behind, what cannot stop them."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
import tomllib
import warnings
from pathlib import Path
from typing import Any

import pytest

from cnnforge import scaffold
from cnnforge.host.plugin_host import PluginHost
from cnnforge.host.registry import Registry
from cnnforge.recipe.loading import load_recipe
from cnnforge.system.files import read_lines
from cnnforge_tuning.local import LocalExecutor
from cnnforge_tuning.objective import Objective
from cnnforge_tuning.trial import Task, run_trial
from tests.conftest import Site
from tests.e2e.test_run import make_photographs

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SMALL = ["--set", "data.image_size=[24,24]", "--set", "training.epochs=2", "--set", "training.batch_size=16"]
SMALL += ["--set", "training.precision=float32"]  # not measured
TIME_LIMIT = 60  # seconds, long for the trials of these tests even on a busy machine
FILTERS = ["--set", "architecture.filters=[8,16]", "--set", "architecture.dense_units=16", "--search",
           "architecture.filters", "--search", "training.learning_rate"]  # fmt: skip


class Tuner:
    """``cnnforge tune`` in a folder of its own, with photographs and plugins."""

    def __init__(self, folder: Path, *python_path: Path) -> None:
        self.folder = folder
        self.photographs = make_photographs(folder / "photographs", ["apple", "pear"])
        path = os.pathsep.join(map(str, python_path))
        self.environ = {**os.environ, "PYTHONPATH": path, "CNNFORGE_CACHE_DIR": str(folder / "cache")}

    def command(self, recipe: str, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "cnnforge", "tune", recipe, "--data", str(self.photographs), *SMALL, *arguments]

    def run(self, recipe: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(recipe, *arguments), cwd=self.folder, env=self.environ, capture_output=True, text=True,
            timeout=900, check=False,
        )  # fmt: skip

    def start(self, recipe: str, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(recipe, *arguments), cwd=self.folder, env=self.environ, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def study(self, name: str) -> Path:
        return self.folder / "studies" / name

    def events(self, name: str) -> list[dict[str, Any]]:
        path = self.study(name) / "journal.jsonl"
        lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def tuner(tmp_path_factory: pytest.TempPathFactory) -> Tuner:
    return Tuner(tmp_path_factory.mktemp("tune"))


@pytest.fixture(scope="module")
def finished(tuner: Tuner) -> Path:
    options = ["--trials", "4", "--workers", "2", "--algorithm", "random", "--set", "tuning.keep=1"]
    confirm = ["--set", "tuning.confirm=1", "--set", "tuning.confirm_seeds=2", "--name", "s"]
    done = tuner.run("directory-cnn", *FILTERS, *options, *confirm)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "Costs " in done.stdout
    assert done.stdout.count("Trial 000") == 4
    return tuner.study("s")


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_a_study_leaves_behind_all_that_it_promises(finished: Path) -> None:
    names = {path.name for path in finished.iterdir()}
    assert names >= {"study.json", "recipe.toml", "journal.jsonl", "best.toml", "trials.csv", "study.html", "trials",
                     "confirmation", "keras_tuner"}  # fmt: skip
    study = read(finished / "study.json")
    assert (study["status"], len(study["trials"])) == ("finished", 4)
    with (finished / "trials.csv").open(encoding="utf-8", newline="") as file:
        assert [row["status"] for row in csv.DictReader(file)] == ["finished"] * 4
    assert len(list(finished.glob("trials/*/model.keras"))) == 1
    assert len(list(finished.glob("confirmation/*/run.json"))) in (2, 4)


def test_trials_are_ordinary_runs_that_never_saw_the_test_images(finished: Path) -> None:
    for trial in sorted((finished / "trials").iterdir()):
        assert read(trial / "run.json")["status"] == "finished"
        assert read(trial / "evaluation.json")["split"] == "validation"
        lines = [json.loads(line) for line in (trial / "metrics.jsonl").read_text().splitlines()]
        assert len(lines) == 2
    assert {read(path)["split"] for path in finished.glob("confirmation/*/evaluation.json")} == {"test"}


def test_the_best_recipe_is_an_ordinary_one(tuner: Tuner, finished: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "cnnforge",
        "run",
        str(finished / "best.toml"),
        "--runs-dir",
        "runs",
        "--name",
        "r",
    ]
    done = subprocess.run(command, cwd=tuner.folder, env=tuner.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    best = next(c for c in read(finished / "study.json")["confirmed"])
    recipe = (tuner.folder / "runs" / "r" / "recipe.toml").read_text()
    assert f"filters = {best['settings']['architecture.filters']}" in recipe


def test_keras_tuners_own_api_opens_the_study(finished: Path) -> None:
    import keras_tuner

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tuner = keras_tuner.RandomSearch(
            _network, "val_accuracy", directory=finished, project_name="keras_tuner", overwrite=False
        )
        best = tuner.oracle.get_best_trials(1)[0]
    ours = {trial["trial"]: trial for trial in read(finished / "study.json")["trials"]}
    assert set(tuner.oracle.trials) == set(ours)
    assert best.score == pytest.approx(max(trial["score"] for trial in ours.values()))
    assert best.hyperparameters.values == ours[best.trial_id]["values"]


def _network(hp: Any) -> Any:
    import keras

    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])


def test_the_same_command_does_nothing_twice_and_more_trials_go_on(tuner: Tuner, finished: Path) -> None:
    before = tuner.events("s")
    same = ["--algorithm", "random", "--set", "tuning.keep=1", "--set", "tuning.confirm=0", "--name", "s", "--json"]
    done = tuner.run("directory-cnn", *FILTERS, *same, "--trials", "5")
    assert done.returncode == 0, done.stderr
    events = tuner.events("s")
    assert events[: len(before)] == before
    assert [e["trial"] for e in events[len(before) :]] == ["0004", "0004"]
    assert len(json.loads(done.stdout)["trials"]) == 5


def test_a_change_is_refused_with_a_diff(tuner: Tuner, finished: Path) -> None:
    done = tuner.run("directory-cnn", *FILTERS, "--algorithm", "random", "--name", "s", "--set", "training.epochs=3")
    assert done.returncode == 2
    assert "recipe.training.epochs: was 2, is 3" in done.stderr
    assert "--fork" in done.stderr


def test_what_cannot_be_built_is_refused_before_a_trial(tuner: Tuner) -> None:
    done = tuner.run("directory-cnn", "--set", "architecture.filters=[8,8,8,8,8]", *FILTERS[4:], "--name", "small")
    assert done.returncode == 2
    assert "5 blocks of convolution and pooling do not fit 24×24" in done.stderr
    assert not tuner.events("small")


def test_an_objective_that_nothing_measures_is_refused_before_a_trial(tuner: Tuner) -> None:
    done = tuner.run("directory-cnn", *FILTERS, "--set", "tuning.objective=val_auc", "--name", "auc")
    assert done.returncode == 2
    assert "received val_auc. Did you mean 'val_accuracy'? Measured: " in done.stderr
    assert not tuner.events("auc")


def test_whatever_happens_to_a_trial_it_is_named_and_the_search_goes_on(site: Site, tmp_path: Path) -> None:
    site.install("troubled", (ROOT / "tests" / "e2e" / "troubled.py").read_text(encoding="utf-8"))
    tuner = Tuner(tmp_path, site.path)
    options = ["--algorithm", "grid", "--trials", "20", "--workers", "2", "--set", "tuning.confirm=0", "--name", "s"]
    options += ["--set", f"tuning.trial_time_limit_seconds={TIME_LIMIT}"]
    done = tuner.run("directory-cnn", "--architecture", "troubled", "--search", "architecture.trouble", *options)
    assert done.returncode == 0, done.stderr
    trials = {t["settings"]["architecture.trouble"]: t for t in read(tuner.study("s") / "study.json")["trials"]}
    assert len(trials) == 9
    assert trials.pop("none")["status"] == "finished"
    assert {kind: (trial["status"], trial["score"]) for kind, trial in trials.items()} == dict.fromkeys(
        trials, ("failed", None)
    )
    expected = {
        "raises": "KeyError: 'no such layer'", "exits": "SystemExit: 3", "leaves": "exit code 3",
        "out of memory": "MemoryError", "diverges": "expected a finite loss", "killed": "SIGKILL", "garbage": "Error",
        "hangs": "longer than its time limit",
    }  # fmt: skip
    for kind, words in expected.items():
        assert words in trials[kind]["reason"], trials[kind]
        assert words in done.stdout
    assert [kind for kind, trial in trials.items() if trial["num_retries"]] == ["killed"]
    kinds = {"out of memory": "out of memory", "diverges": "diverged", "killed": "killed", "leaves": "exited"}
    kinds |= {"hangs": "hangs"}
    assert "_make_trouble" in trials["hangs"]["cause"]
    assert {kind: trials[kind]["kind"] for kind in kinds} == kinds


def test_a_conditional_space_is_searched_as_the_architecture_draws_it(site: Site, tmp_path: Path) -> None:
    site.install("acme-stack", (ROOT / "tests" / "e2e" / "conditional.py").read_text(), module="conditional")
    tuner = Tuner(tmp_path, site.path)
    options = ["--algorithm", "random", "--trials", "4", "--workers", "2", "--set", "tuning.confirm=1", "--name", "s"]
    options += ["--set", "tuning.confirm_seeds=1", "--set", "training.epochs=1"]
    done = tuner.run("directory-cnn", "--architecture", "stack", "--search", "architecture", *options)
    assert done.returncode == 0, done.stderr
    assert "Space    at most " in done.stdout
    study = read(tuner.study("s") / "study.json")
    for trial in study["trials"]:
        options_of = recipe_at(tuner.study("s") / "trials" / trial["trial"])["architecture"]
        assert len(options_of["filters"]) == trial["values"]["architecture.num_blocks"]
        assert options_of["units"] == trial["values"].get("architecture.units", 8)
    assert len({len(trial["values"]) for trial in study["trials"]}) > 1
    assert study["confirmed"][-1]["name"] == "default" or study["winner"] == "default"
    show = [sys.executable, "-m", "cnnforge", "show", "stack"]
    shown = subprocess.run(show, env=tuner.environ, capture_output=True, text=True, check=True).stdout
    assert "architecture.units" in shown
    assert "4 | 8; if head is dense" in shown


def recipe_at(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "recipe.toml").read_text(encoding="utf-8"))


def test_a_trial_of_hyperbands_next_round_goes_on_from_the_checkpoint(tmp_path: Path) -> None:
    registry = Registry(PluginHost.discover({"CNNFORGE_LOAD_PLUGINS": ""}))
    data = make_photographs(tmp_path / "photographs", ["apple", "pear"])
    settings = ["data.image_size=[24,24]", "training.epochs=3", "training.batch_size=16", "architecture.filters=[8]"]
    settings += ["training.precision=float32"]  # a study has decided it before its trials
    text = load_recipe("directory-cnn", registry, [f"data.path={json.dumps(str(data))}", *settings]).to_toml()
    objective = Objective("val_accuracy", is_max=True)
    folders = {name: tmp_path / "trials" / name for name in ("0000", "0001", "0002")}
    with LocalExecutor(1) as executor:
        executor.submit(run_trial, Task(folders["0000"], text, objective, last_epoch=1)).result()
        executor.submit(run_trial, Task(folders["0001"], text, objective, continues=folders["0000"])).result()
        executor.submit(run_trial, Task(folders["0002"], text, objective)).result()
    figures = {
        name: [
            {key: line[key] for key in ("epoch", "loss", "val_loss")} for line in read_lines(folder / "metrics.jsonl")
        ]
        for name, folder in folders.items()
    }
    assert [len(lines) for lines in figures.values()] == [1, 3, 3]
    assert figures["0001"] == figures["0002"]
    assert read(folders["0001"] / "run.json")["resumes"][0]["epoch"] == 1


def test_a_third_partys_architecture_is_tuned_and_a_killed_study_goes_on(site: Site, tmp_path: Path) -> None:
    scaffold.write_plugin(tmp_path / "acme-net", scaffold.plugin_files("acme-net", architecture=None, data_source=None))
    site.install("acme-net", None, module="acme_net")
    tuner = Tuner(tmp_path, site.path, tmp_path / "acme-net")
    arguments = ["--architecture", "acme_net", "--search", "architecture.filters", "--search", "architecture.dropout",
                 "--trials", "3", "--algorithm", "random", "--set", "tuning.confirm=0", "--name", "s",
                 "--set", "architecture.filters=[16,16]"]  # fmt: skip
    with tuner.start("directory-cnn", *arguments) as process:
        metrics = tuner.study("s") / "trials" / "0001" / "metrics.jsonl"
        wait_until(process, lambda: metrics.exists() and metrics.stat().st_size > 0)
        process.kill()
    before = tuner.events("s")
    done = tuner.run("directory-cnn", *arguments)
    assert done.returncode == 0, done.stderr
    assert "Goes on" in done.stdout
    events = tuner.events("s")
    assert events[: len(before)] == before
    for kind in ("ask", "tell"):
        assert [event["trial"] for event in events if event["event"] == kind] == ["0000", "0001", "0002"]
    assert (tuner.study("s") / "best.toml").read_text(encoding="utf-8").count("acme_net") == 1


LARGER = """
import cnnforge

@cnnforge.hookimpl
def cnnforge_search_algorithms():
    yield cnnforge.SearchAlgorithmSpec(name="mine", summary="Ever larger", oracle="my_search:oracle")

def oracle(*, epochs, **arguments):
    from keras_tuner.engine.oracle import Oracle

    class Larger(Oracle):
        def populate_space(self, trial_id):
            share = (len(self.trials) + 1) / 4
            return {"status": "RUNNING",
                    "values": {hp.name: hp.prob_to_value(share) for hp in self.hyperparameters.space}}

    return Larger(**arguments)
"""


def test_a_file_with_a_few_lines_is_a_search_algorithm(tmp_path: Path) -> None:
    tuner = Tuner(tmp_path)
    (tmp_path / "my_search.py").write_text(LARGER, encoding="utf-8")
    done = tuner.run(
        "directory-cnn", "--plugin", "my_search.py", "--algorithm", "mine", "--trials", "3", *FILTERS, "--name", "s",
        "--set", "tuning.confirm=0",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rates = [e["values"]["training.learning_rate"] for e in tuner.events("s") if e["event"] == "ask"]
    assert len(rates) == 3
    assert rates == sorted(rates)


def wait_until(process: subprocess.Popen[str], is_true: Any) -> None:
    deadline = time.monotonic() + 600
    while not is_true():
        assert process.poll() is None, process.stdout and process.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)
