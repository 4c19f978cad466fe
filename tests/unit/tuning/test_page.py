"""The page of a study, made from study.json alone."""

from __future__ import annotations

import html.parser
import math

import numpy as np
import pytest

from cnnforge.running.recording import provenance
from cnnforge_tuning import figures, results
from cnnforge_tuning.confirmation import confirm
from cnnforge_tuning.page import importance, render
from cnnforge_tuning.search import Search
from cnnforge_tuning.study_dir import identity
from tests.unit.tuning.conftest import FakeExecutor, Silent, make_plan, make_study


@pytest.fixture
def study(tmp_path):
    overrides = ["tuning.algorithm=random", "tuning.trials=12", "tuning.confirm=1", "training.epochs=2"]
    calls = []

    def score(recipe):
        calls.append(recipe)
        if len(calls) == 3:
            return {"kind": "ValueError", "reason": "ValueError: <b>no</b>", "cause": "Traceback <script>"}
        rate = recipe["training"]["learning_rate"]
        return [0.4, 0.8 - abs(math.log10(rate) + 3) / 10]

    study = make_study(tmp_path / "s", *overrides)
    planned = make_plan(*overrides)
    study.directory.update(
        name="s", identity=identity(planned.resolved, planned.space, "f00d"), objective="val_accuracy", direction="max",
        notice="Drawn animals.", **provenance(planned.resolved),
    )  # fmt: skip
    Search(study, FakeExecutor(score).workers, Silent(), float("inf")).run()
    results.write(study, confirm(study, FakeExecutor(score).workers, Silent()), is_over=True)
    return study


class Tags(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        for name, value in attrs:
            assert not (name in ("src", "href") and str(value).startswith("http"))
        if tag not in ("meta", "link", "path", "line", "circle", "br", "wbr"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in ("path", "line", "circle"):
            assert self.open.pop() == tag


def test_the_page_is_whole_loads_nothing_and_escapes_what_failed(study):
    page = study.directory.page.read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert "script" not in tags.seen
    assert tags.seen.count("svg") == 3 + len(study.space)
    assert "ValueError: &lt;b&gt;no&lt;/b&gt;" in page
    assert "Drawn animals." in page
    assert study.directory.read()["verdict"].replace("'", "&#39;") in page
    assert f"trial {study.ranking()[0].id}: val_accuracy" in page


def test_a_study_of_failures_alone_has_a_page_too(study):
    facts = study.directory.read()
    facts |= {
        "trials": [t for t in facts["trials"] if t["status"] == "failed"],
        "confirmed": [],
        "status": "interrupted",
    }
    page = render(facts)
    assert "What failed, and why" in page
    assert "not complete" in page


def test_the_table_has_a_row_for_every_trial(study):
    lines = study.directory.table.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 13
    names = [f"architecture.filters[{i}]" for i in range(3)]
    assert lines[0].split(",") == [
        "trial", "status", "val_accuracy", "epochs", "seconds", *names, "training.learning_rate", "reason",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("space", "value", "expected"),
    [
        ({"kind": "int", "low": 8, "high": 128, "log": False}, 68, 0.5),
        ({"kind": "float", "low": 1e-4, "high": 1e-2, "log": True}, 1e-3, 0.5),
        ({"kind": "choice", "values": ["a", "b", "c"]}, "c", 1),
        ({"kind": "choice", "values": [True]}, True, 0),
        ({"kind": "int", "low": 3, "high": 3, "log": False}, 3, 0.5),
    ],
)
def test_positions_lie_between_0_and_1(space, value, expected):
    assert figures.position(space, value) == pytest.approx(expected)


def test_an_axis_of_accuracies_ends_at_1():
    _, ticks, y = figures._plane(6, [0.44, 0.5, 0.99])
    assert (ticks[-1], y.high) == (1.0, 1.0)
    assert figures._plane(6, [0.5, 2.0])[1][-1] > 2.0


def test_importance_finds_the_setting_that_matters_and_says_when_it_cannot():
    generator = np.random.default_rng(0)
    positions = generator.random((60, 3))
    found = importance(positions.tolist(), (positions[:, 1] + generator.normal(0, 0.05, 60)).tolist())
    assert int(np.argmax(found.shares)) == 1
    assert found.shares[1] > 0.9
    assert sum(found.shares) == pytest.approx(1)
    noise = importance(positions.tolist(), generator.random(60).tolist())
    assert noise.shares == []
    assert "do not tell" in noise.sentence
    assert "Too few" in importance(positions[:5].tolist(), [0.1, 0.2, 0.3, 0.4, 0.5]).sentence
    assert importance(positions.tolist(), [0.5] * 60).shares == []
