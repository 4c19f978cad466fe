"""`cnnforge evaluate`: the run's own images, checked to be the same, and other data, classes matched by name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnforge.running.run_dir import RunDir
from tests.cli.conftest import draw


def test_the_own_split_gives_the_figures_of_the_run_to_the_bit(cli, trained, tmp_path):
    run = trained.copy(tmp_path)
    done = cli("evaluate", str(run), "--json")
    assert done.code == 0, done.err
    found, own = json.loads(done.out), json.loads((run / "evaluation.json").read_text())
    assert {key: found[key] for key in own if key != "mistakes"} == {key: own[key] for key in own if key != "mistakes"}
    folder = Path(found["folder"])
    assert folder.parent == run / "evaluations"
    assert (folder / "predictions.csv").read_text() == (run / "predictions.csv").read_text()
    assert json.loads((folder / "evaluation.json").read_text()) == {k: v for k, v in found.items() if k != "folder"}


def test_the_table_fits_a_terminal_and_a_second_evaluation_has_its_own_folder(cli, trained, tmp_path):
    run = trained.copy(tmp_path)
    first = cli("evaluate", str(run), "--split", "validation")
    assert max(map(len, first.out.splitlines()[:-1])) <= 80
    assert "label \\ predicted" in first.out
    cli("evaluate", str(run))
    assert len(list((run / "evaluations").iterdir())) == 2


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_every_split_has_the_images_of_the_manifest(cli, trained, tmp_path, split):
    found = json.loads(cli("evaluate", str(trained.copy(tmp_path)), "--split", split, "--json").out)
    lines = [json.loads(line) for line in (trained.run / "manifest.jsonl").read_text().splitlines()]
    assert found["num_images"] == sum(line["split"] == split for line in lines)


def test_images_that_differ_are_an_error_that_names_them(cli, trained, tmp_path):
    data = Path(shutil.copytree(trained.photographs, tmp_path / "moved"))
    lines = [json.loads(line) for line in (trained.run / "manifest.jsonl").read_text().splitlines()]
    first, second = [line["name"] for line in lines if line["split"] == "test"][:2]
    (data / first).unlink()
    Image.fromarray(np.zeros((60, 80, 3), np.uint8)).save(data / second)
    done = cli("evaluate", str(trained.copy(tmp_path)), "--data", str(data), "--split", "test")
    assert done.code == 3
    assert f"{first}: missing" in done.err
    assert f"{second}: its content has changed" in done.err
    # Images of other splits may be gone or new: the test images are still what they were.
    assert cli("evaluate", str(tmp_path / "run"), "--data", str(data), "--split", "validation").code == 0


def test_other_data_are_evaluated_whole_and_classes_matched_by_name(cli, trained, tmp_path):
    # A third class that sorts first would shift the labels if classes were matched by position.
    data = draw(tmp_path / "other", ["apple", "pear"], 7, seed=1)
    found = json.loads(cli("evaluate", str(trained.copy(tmp_path)), "--data", str(data), "--json").out)
    assert (found["split"], found["num_images"], found["warnings"]) == ("all", 14, [])
    assert found["accuracy"] > 0.8


def test_photographs_of_one_class_are_measured_with_a_warning(cli, trained, tmp_path):
    data = draw(tmp_path / "other", ["pear"], 6, seed=1)
    done = cli("evaluate", str(trained.copy(tmp_path)), "--data", str(data), "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["num_images"] == 6
    assert found["warnings"] == ["no images of apple: accuracy tells nothing of them"]
    assert "no images of apple" in done.err
    assert cli("evaluate", str(tmp_path / "run"), "--data", str(data)).code == 0  # the table of it can be shown


@pytest.mark.parametrize("name", [" pear", "pe\u200bar", "pear\u00a0"])
def test_classes_that_look_like_those_of_the_run_are_those(cli, trained, tmp_path, name):
    data = draw(tmp_path / "other", ["apple", name], 3, seed=1)
    found = json.loads(cli("evaluate", str(trained.copy(tmp_path)), "--data", str(data), "--json").out)
    assert [row["num_images"] for row in found["per_class"]] == [3, 3]


@pytest.mark.parametrize("names", [["apple", "quince"], ["Apple", "pear"], ["apple", "pear", "plum"]])
def test_other_classes_are_an_error_with_a_diff(cli, trained, tmp_path, names):
    data = draw(tmp_path / "other", names, 2)
    done = cli("evaluate", str(trained.run), "--data", str(data))
    assert done.code == 3
    (unknown,) = set(names) - {"apple", "pear"}
    assert f"+ {unknown}: not a class of the run" in done.err
    assert ("- pear: a class of the run" in done.err) == ("pear" not in names)
    assert ("Did you mean 'apple'?" in done.err) == (unknown == "Apple")


def test_data_that_the_run_was_trained_on_and_files_that_cannot_be_read_are_said(cli, trained, tmp_path):
    data = Path(shutil.copytree(trained.photographs, tmp_path / "moved"))
    (data / "apple" / "bad.jpg").write_bytes(b"no image")
    done = cli("evaluate", str(trained.copy(tmp_path)), "--data", str(data), "--json")
    found = json.loads(done.out)
    assert found["num_images"] == 120
    assert "1 files could not be read: apple/bad.jpg (not an image" in done.err
    assert "of these images the run has seen in training" in done.err
    assert len(found["warnings"]) == 2


def test_options_of_the_data_source_can_be_given(cli, trained, tmp_path):
    data = draw(tmp_path / "other", ["a", "b"], 4)
    labels = tmp_path / "labels.csv"
    labels.write_text(
        "name,label\n" + "".join(f"{f}/{n}.png,{c}\n" for f, c in (("a", "apple"), ("b", "pear")) for n in range(4))
    )
    run = str(trained.copy(tmp_path))
    done = cli("evaluate", run, "--data", str(data), "--set", f"data.labels={labels}", "--json")
    assert json.loads(done.out)["num_images"] == 8
    done = cli("evaluate", run, "--data", str(data), "--set", "data.image_size=[2,2]")
    assert (done.code, "option of the data source 'directory'" in done.err) == (2, True)


def test_a_run_without_weights_or_a_split_without_images_is_an_error(cli, trained, tmp_path):
    run = trained.copy(tmp_path)
    assert cli("evaluate", str(tmp_path / "nowhere")).code == 2
    RunDir(run).best_weights.unlink()
    done = cli("evaluate", str(run))
    assert (done.code, "no" in done.err and "trained weights" in done.err) == (2, True)
