"""The search with an executor that trains nothing: whatever happens to a trial is recorded and ends nothing."""

from __future__ import annotations

import json
import time

import pytest

from cnnforge.errors import TrainingError
from cnnforge.running.run_dir import RunDir
from cnnforge_tuning.search import Search, Workers
from tests.unit.tuning.conftest import FakeExecutor, Silent, make_study

TRIALS = ["tuning.algorithm=random", "tuning.trials=6", "tuning.keep=2"]


def search(study, executor, view=None, deadline=float("inf"), workers=None):
    Search(study, workers or executor.workers, view or Silent(), deadline).run()
    return study


def by_learning_rate(recipe):
    return [0.5, 0.9 - recipe["training"]["learning_rate"] * 10]


def events(study):
    return [json.loads(line) for line in study.directory.journal.read_text().splitlines()]


def test_every_trial_is_asked_and_told_once_and_the_best_keep_their_weights(tmp_path):
    study = search(make_study(tmp_path / "s", *TRIALS), FakeExecutor(by_learning_rate))
    assert sorted(e["trial"] for e in events(study) if e["event"] == "ask") == [f"{i:04}" for i in range(6)]
    assert sorted(e["trial"] for e in events(study) if e["event"] == "tell") == [f"{i:04}" for i in range(6)]
    best = study.ranking()[:2]
    assert [study.score(t) for t in best] == sorted((study.score(t) for t in study.trials.values()), reverse=True)[:2]
    kept = {path.parent.name for path in study.directory.trials.glob("*/model.keras")}
    assert kept == {trial.id for trial in best}
    assert len(list(study.directory.trials.glob("*/metrics.jsonl"))) == 6


def test_a_study_goes_on_with_more_trials_and_none_is_trained_twice(tmp_path):
    first, second = FakeExecutor(by_learning_rate), FakeExecutor(by_learning_rate)
    search(make_study(tmp_path / "s", *TRIALS), first)
    study = search(make_study(tmp_path / "s", *TRIALS, "tuning.trials=9"), second)
    assert (len(first.trained), sorted(second.trained)) == (6, ["0006", "0007", "0008"])
    whole = search(make_study(tmp_path / "w", *TRIALS, "tuning.trials=9"), FakeExecutor(by_learning_rate))
    assert [t.values for t in study.trials.values()] == [t.values for t in whole.trials.values()]


def test_a_trial_that_was_asked_and_not_told_is_trained_first(tmp_path):
    make_study(tmp_path / "s", *TRIALS).next_trial()
    executor = FakeExecutor(by_learning_rate)
    study = search(make_study(tmp_path / "s", *TRIALS), executor)
    assert executor.trained[0] == "0000"
    assert len(study.trials) == 6


def test_a_trial_that_ended_when_nobody_was_there_is_not_trained_again(tmp_path):
    trial = make_study(tmp_path / "s", *TRIALS).next_trial()
    folder = tmp_path / "s" / "trials" / trial.id
    folder.mkdir(parents=True)
    (folder / "metrics.jsonl").write_text('{"epoch": 1, "val_accuracy": 0.75}\n')
    (folder / "run.json").write_text('{"status": "finished"}')
    executor = FakeExecutor(by_learning_rate)
    study = search(make_study(tmp_path / "s", *TRIALS), executor)
    assert trial.id not in executor.trained
    assert study.trials[trial.id].history == [0.75]


@pytest.mark.parametrize(
    ("came_to", "kind", "reason"),
    [
        ({"kind": "ValueError", "reason": "ValueError: no", "cause": "Traceback"}, "ValueError", "ValueError: no"),
        ([float("nan")], "no score", "no epoch has a finite val_accuracy"),
        ([], "no score", "no epoch has a finite"),
    ],
)
def test_a_failure_is_recorded_and_the_search_goes_on(tmp_path, came_to, kind, reason):
    view, calls = Silent(), []

    def score(recipe):
        calls.append(recipe)
        return came_to if len(calls) == 2 else by_learning_rate(recipe)

    study = search(make_study(tmp_path / "s", *TRIALS), FakeExecutor(score), view)
    failed = [t for t in study.trials.values() if t.status == "failed"]
    assert [(t.kind, t.reason.startswith(reason)) for t in failed] == [(kind, True)]
    assert len(view.ended) == 6
    assert failed[0] not in study.ranking()


def test_a_killed_trial_is_tried_once_more_and_no_oftener(tmp_path, killed):
    calls = []

    def score(recipe):
        calls.append(recipe["training"]["learning_rate"])
        return killed if len(calls) in (1, 4, 5) else by_learning_rate(recipe)

    view = Silent()
    study = search(make_study(tmp_path / "s", *TRIALS, "executor.workers=1"), FakeExecutor(score), view)
    trials = list(study.trials.values())
    assert [(t.status, t.num_retries) for t in trials if t.num_retries] == [("finished", 1), ("failed", 1)]
    assert "SIGKILL" in next(t.reason for t in trials if t.status == "failed")
    assert len(view.warned) == 2


def test_first_trials_that_all_fail_alike_stop_the_search_with_the_cause(tmp_path):
    executor = FakeExecutor(lambda _: {"kind": "KeyError", "reason": "KeyError: 'x'", "cause": "Traceback: line 7"})
    with pytest.raises(TrainingError, match="first 3 trials all failed: KeyError: 'x'\nTraceback: line 7"):
        search(make_study(tmp_path / "s", *TRIALS), executor)


def test_failures_of_different_kinds_do_not_stop_it(tmp_path):
    kinds = iter(["A", "B", "A", "A"])
    executor = FakeExecutor(
        lambda r: {"kind": k, "reason": k, "cause": ""} if (k := next(kinds, "")) else by_learning_rate(r)
    )
    study = search(make_study(tmp_path / "s", *TRIALS), executor)
    assert [t.status for t in study.trials.values()] == ["failed"] * 4 + ["finished"] * 2


def test_a_space_that_is_exhausted_ends_the_search_and_says_so(tmp_path):
    view = Silent()
    study = make_study(tmp_path / "s", *TRIALS, "tuning.search=['architecture.kernel_size']")
    search(study, FakeExecutor(lambda r: [0.1 * r["architecture"]["kernel_size"]]), view)
    assert [t.settings["architecture.kernel_size"] for t in study.trials.values()] == [3, 5]
    assert any("exhausted" in line for line in view.said)


def test_after_the_time_limit_no_trial_starts(tmp_path):
    study = make_study(tmp_path / "s", *TRIALS)
    with pytest.raises(TrainingError, match="time limit"):
        search(study, FakeExecutor(by_learning_rate), deadline=time.monotonic() - 1)
    assert not study.trials


def test_ctrl_c_stops_after_what_is_running_is_recorded(tmp_path):
    executor = FakeExecutor(by_learning_rate)
    workers = executor.workers

    def score(recipe):
        workers.interrupt.is_requested = len(executor.trained) == 3
        return by_learning_rate(recipe)

    executor.score = score
    study = search(make_study(tmp_path / "s", *TRIALS), executor, workers=workers)
    assert [t.status for t in study.trials.values()] == ["finished"] * 3
    assert len(search(make_study(tmp_path / "s", *TRIALS), FakeExecutor(by_learning_rate)).trials) == 6


def test_an_interrupted_trial_stays_open(tmp_path):
    executor = FakeExecutor(lambda _: {"status": "interrupted", "kind": "KeyboardInterrupt", "reason": "", "cause": ""})
    workers = Workers(executor, 1, executor.workers.interrupt)
    inner = executor.score

    def score(recipe):
        workers.interrupt.is_requested = True
        return inner(recipe)

    executor.score = score
    study = search(make_study(tmp_path / "s", *TRIALS), executor, workers=workers)
    assert [t.status for t in study.trials.values()] == ["asked"]


def test_hyperband_goes_on_from_the_round_before(tmp_path):
    tasks = []

    class Remembering(FakeExecutor):
        def _train(self, task):
            tasks.append(task)
            super()._train(task)

    study = make_study(tmp_path / "s", "tuning.algorithm=hyperband", "training.epochs=3")
    search(study, Remembering(by_learning_rate))
    later = [task for task in tasks if task.continues]
    assert later
    assert {task.last_epoch for task in tasks} == {1, 3}
    for task in later:
        assert study.trials[task.directory.name].settings == study.trials[task.continues.name].settings
    assert len(study.distinct_ranking()) == len(tasks) - len(later)


def test_what_a_trial_trains_is_never_measured_on_the_test_split(tmp_path):
    recipes = []
    search(
        make_study(tmp_path / "s", *TRIALS),
        FakeExecutor(lambda recipe: recipes.append(recipe) or by_learning_rate(recipe)),
    )
    assert {recipe["evaluation"]["split"] for recipe in recipes} == {"validation"}


def test_the_weights_of_all_but_the_best_are_gone_from_the_disk(tmp_path):
    study = search(make_study(tmp_path / "s", *TRIALS, "tuning.keep=1"), FakeExecutor(by_learning_rate))
    assert [RunDir(p).model.exists() for p in sorted(study.directory.trials.iterdir())].count(True) == 1
