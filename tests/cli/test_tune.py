"""``cnnforge tune``: what is refused before anything heavy is imported, and how a study is shown."""

from __future__ import annotations

import io
import json

import pytest

from cnnforge_tuning import results
from cnnforge_tuning.confirmation import confirm
from cnnforge_tuning.search import Search
from cnnforge_tuning.study_view import LiveView, LogView, counts_line, summary, trial_line
from tests.cli.test_light import CODE, HEAVY
from tests.unit.tuning.conftest import FakeExecutor, make_study


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--search", "architecture.filtres"], "Did you mean 'architecture.filters'"),
        (["--set", "tuning.search=[]"], "expected settings to search"),
        (["--set", "tuning.objective=val_score"], "tuning.direction"),
        (["--algorithm", "hyperband", "--search", "training.batch_size"], "configurations for hyperband"),
        (["--executor", "nowhere"], "unknown executor 'nowhere'. Available: local"),
        (["--set", "executor.wokers=2"], "Did you mean 'workers'"),
        (["--set", "tuning.trails=2"], "Did you mean 'trials'"),
        (["--name", "a/b"], "--name"),
        (["--algorithm", "bayesain"], "unknown search algorithm 'bayesain'. Did you mean 'bayesian'"),
    ],
)
def test_mistakes_are_reported_before_anything_heavy_is_imported(process, tmp_path, arguments, message):
    done = process("tune", "catsdogs", "--studies-dir", str(tmp_path), *arguments, code=CODE)
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["code"], HEAVY & set(found["modules"])) == (2, set()), done.stderr
    assert message in done.stderr
    assert not list(tmp_path.iterdir())


def test_help_imports_nothing_heavy(process):
    done = process("tune", "--help", code=CODE)
    assert not HEAVY & set(json.loads(done.stdout.splitlines()[-1])["modules"])


@pytest.fixture
def study(tmp_path):
    return make_study(tmp_path / "s", "tuning.algorithm=random", "tuning.trials=5", "tuning.confirm=1")


def search(study, view):
    calls = []

    def score(recipe):
        calls.append(recipe)
        fails = len(calls) == 2
        return {"kind": "ValueError", "reason": "ValueError: no\nmore"} if fails else [0.5, 0.25 + len(calls) / 10]

    with view:
        Search(study, FakeExecutor(score).workers, view, float("inf"), 60.0).run()
        confirmed = confirm(study, FakeExecutor(lambda r: [0.5 + r["training"]["seed"] / 100]).workers, view)
        study.directory.update(
            objective="val_accuracy", direction="max", identity={}, recipe="s", plugins={}, argv=["x"]
        )
        return confirmed


def test_a_pipe_gets_a_line_for_each_trial_and_no_control_codes(study):
    stream = io.StringIO()
    search(study, LogView(stream))
    lines = [line for line in stream.getvalue().splitlines() if line.startswith("Trial")]
    assert len(lines) == 5
    assert lines[0].startswith("Trial 0000  finished  val_accuracy 0.5000 *  2 epochs  ")
    assert lines[0].endswith("filters 16 32 64, learning_rate 0.001")
    assert "failed    ValueError: no  0 epochs" in lines[1]
    assert "\x1b" not in stream.getvalue()


def test_a_terminal_gets_a_table_that_is_redrawn(study):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    search(study, LiveView(stream))
    assert "5 of 5 over · 0 running · 0 pruned · 1 failed · best 0.7500 (trial 0004)" in stream.getvalue()
    assert "Trial 0000" in stream.getvalue()


def test_the_counts_and_the_time_left_stand_in_a_line(study):
    search(study, LogView(io.StringIO()))
    line = counts_line(study, 2, 9, 90.0)
    assert line == (
        "5 of 9 over · 2 running · 0 pruned · 1 failed · best 0.7500 (trial 0004)"
        " · about 1\N{NO-BREAK SPACE}min 30\N{NO-BREAK SPACE}s left"
    )
    assert " *" in trial_line(study, study.trials["0004"])


def test_the_summary_fits_80_columns_and_ends_with_what_can_be_said(study, monkeypatch):
    confirmed = search(study, LogView(io.StringIO()))
    monkeypatch.setattr(results, "write_page", lambda directory: None)
    results.write(study, confirmed, is_over=True)
    text = summary(study.directory)
    table = text.partition("Recipe ")[0]
    assert max(map(len, table.splitlines())) <= 80
    assert "Failed   1 ValueError" in table
    assert "not distinguishable from the default" in " ".join(table.split())
    assert study.directory.best.is_file()
