"""`cnnforge compare`: recipes, measures, McNemar's test, and where runs disagree."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import pytest

from cnnforge_compare.mcnemar import mcnemar


@pytest.fixture
def pair(trained, tmp_path) -> tuple[Path, Path]:
    """The trained run, and one of another rate that answers the other way round on three photographs."""
    first, second = trained.copy(tmp_path, "first"), trained.copy(tmp_path, "second")
    recipe = (second / "recipe.toml").read_text()
    (second / "recipe.toml").write_text(recipe.replace("learning_rate = 0.001", "learning_rate = 0.5"))
    with (second / "predictions.csv").open(encoding="utf-8", newline="") as file:
        header, *lines = csv.reader(file)
    for line in lines[:3]:
        line[3:] = line[:2:-1]
    with (second / "predictions.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *lines])
    return first, second


@pytest.mark.parametrize(
    ("first", "second", "p"),
    # By hand: 2 · (1 + 10) / 2^10; 2 / 2^3; the same as R's binom.test(13, 30)
    [(9, 1, 22 / 1024), (3, 0, 0.25), (13, 17, 0.5847), (5, 5, 1.0), (0, 0, 1.0)],
)
def test_mcnemars_test(first, second, p):
    assert mcnemar(first, second) == pytest.approx(p, abs=1e-4)
    assert mcnemar(second, first) == mcnemar(first, second)


def test_what_differs_is_said(cli, pair):
    found = json.loads(cli("compare", *map(str, pair), "--json").out)
    assert found["recipe_differences"] == {"training.learning_rate": ["0.001", "0.5"]}
    (compared,) = found["pairs"]
    total = sum(compared[key] for key in ("both", "only_first", "only_second", "neither"))
    assert total == json.loads((pair[0] / "evaluation.json").read_text())["num_images"]
    assert compared["only_first"] + compared["only_second"] == 3
    assert compared["p_value"] == mcnemar(compared["only_first"], compared["only_second"])
    assert len(found["disagreements"]) == 3
    for photograph in found["disagreements"]:
        assert len({answer["predicted"] for answer in photograph["answers"]}) == 2


def test_the_tables_fit_a_terminal(cli, pair):
    done = cli("compare", *map(str, pair))
    assert done.code == 0
    *lines, page = done.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "Different answers on 3 photographs." in lines
    assert page.startswith("Page  ")


def test_the_page_stands_alone_and_shows_the_photographs(cli, pair, tmp_path):
    page = tmp_path / "page.html"
    cli("compare", *map(str, pair), "--page", str(page))
    text = page.read_text(encoding="utf-8")
    assert text.count('src="data:image/jpeg;base64,') == 3
    assert re.findall(r'(?:src|href)="(?!data:|#)', text) == []
    assert "<script" not in text
    assert text.count('<g class="series run-1">') == 4
    assert cli("compare", *map(str, pair), "--page", str(page)).code == 2


def test_photographs_that_are_gone_or_changed_are_left_out(cli, trained, pair, tmp_path):
    data = Path(shutil.copytree(trained.photographs, tmp_path / "moved"))
    for run in pair:
        recipe = (run / "recipe.toml").read_text()
        (run / "recipe.toml").write_text(recipe.replace(str(trained.photographs), str(data)))
    names = [found["name"] for found in json.loads(cli("compare", *map(str, pair), "--json").out)["disagreements"]]
    (data / names[0]).write_bytes((data / names[1]).read_bytes())
    cli("compare", *map(str, pair), "--page", str(tmp_path / "page.html"))
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert (text.count('src="data:image'), text.count("no longer there")) == (2, 1)
    shutil.rmtree(data)
    cli("compare", *map(str, pair), "--page", str(tmp_path / "again.html"))
    assert (tmp_path / "again.html").read_text(encoding="utf-8").count("no longer there") == 3


def test_runs_that_did_not_finish_are_compared_as_far_as_they_go(cli, pair):
    (pair[1] / "evaluation.json").unlink()
    (pair[1] / "metrics.jsonl").unlink()
    done = cli("compare", *map(str, pair), "--json")
    found = json.loads(done.out)
    assert (found["pairs"], found["disagreements"], done.code) == ([], [], 0)


def test_one_run_is_not_enough(cli, trained):
    assert cli("compare", str(trained.run)).code == 2
    assert cli("compare", str(trained.run), str(trained.run)).code == 2


def evaluated(run: Path, **figures: object) -> None:
    path = run / "evaluation.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **figures}))


def test_each_class_is_compared_by_what_is_found_of_it(cli, pair, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    names, few = ["cat", "dog"], {"precision": 1.0, "recall": 1.0, "f1": 1.0, "num_images": 2}
    rows = [{"name": name, **few, "roc_auc": 1.0} for name in names]
    shared = {"class_names": names, "per_class": rows}
    evaluated(pair[0], **shared, confusion_matrix=[[40, 0], [0, 2]], recall_intervals=[[0.912, 1.0], [0.342, 1.0]])
    evaluated(pair[1], **shared, confusion_matrix=[[30, 10], [2, 0]], recall_intervals=[[0.6, 0.86], [0.0, 0.658]])
    text = " ".join(cli("compare", *map(str, pair)).out.split())
    assert "cat 100.0 % of 40 (91.2 % to 100.0 %) 75.0 % of 40 (60.0 % to 86.0 %)" in text
    assert "dog 2 of 2 (34.2 % to 100.0 %) 0 of 2 (0.0 % to 65.8 %)" in text
    assert "Balanced accuracy 100.0 % 37.5 %" in text
    assert text.index("Balanced accuracy") < text.index("Accuracy, 95 %")
