"""`cnnforge explain` and `cnnforge report` on a small trained run."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnforge.interface import registry
from cnnforge_explain import selection


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two photographs of each kind are enough here."""
    monkeypatch.setattr(selection, "_EACH", 2)


def test_without_an_image_the_most_telling_ones_are_explained(cli, trained, tmp_path, few):
    run = trained.copy(tmp_path)
    done = cli("explain", str(run), "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    folder = Path(found["folder"])
    assert folder.parent == run / "explanations"
    titles = [group["title"] for group in found["groups"]]
    assert titles[:2] == ["most certain", "most doubtful"]
    certain = found["groups"][0]["photographs"]
    assert all(p["label"] == p["predicted"] for p in certain)
    assert certain[0]["probability"] >= certain[1]["probability"] >= found["groups"][1]["photographs"][0]["probability"]
    assert [len(p["maps"]) for p in certain] == [len(found["layers"]), 0]
    assert found["agreement"]["num_photographs"] >= 3
    assert -1 <= found["agreement"]["lowest"] <= found["agreement"]["mean"] <= found["agreement"]["highest"] <= 1
    assert json.loads((folder / "explanation.json").read_text()) == {k: v for k, v in found.items() if k != "folder"}


def test_every_picture_named_is_a_file_and_in_the_page(cli, trained, tmp_path, few):
    found = json.loads(cli("explain", str(trained.run), "--out", str(tmp_path / "out"), "--json").out)
    photographs = [photograph for group in found["groups"] for photograph in group["photographs"]]
    named = [found["filters"], *(p[kind] for p in photographs for kind in ("photograph", "grad_cam", "occlusion"))]
    named += [file for p in photographs for file in p["maps"]]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*named, "index.html", "explanation.json"}
    for name in named:
        with Image.open(tmp_path / "out" / name) as picture:
            assert picture.format == "PNG"
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert (
        page.count("<img") == page.count('src="data:image/') == len(named) + sum(bool(p["maps"]) for p in photographs)
    )
    assert "<script" not in page


def test_given_images_are_explained_each_with_its_maps_and_the_table_fits(cli, trained, tmp_path):
    names = ["<b>&.png", "two.png"]
    for name in names:
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 90, 3), np.uint8)).save(tmp_path / name)
    done = cli("explain", str(trained.run), *(str(tmp_path / name) for name in names), "--out", str(tmp_path / "out"))
    assert done.code == 0, done.err
    assert max(map(len, done.out.splitlines()[:-1])) <= 80
    assert "Spearman's rank correlation of Grad-CAM with occlusion" in done.out
    found = json.loads((tmp_path / "out" / "explanation.json").read_text())
    assert [group["photographs"][0]["label"] for group in found["groups"]] == ["", ""]
    assert all(group["photographs"][0]["maps"] for group in found["groups"])
    assert "<b>&.png" not in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")


EXPLAINERS = """
import cnnforge


@cnnforge.hookimpl
def cnnforge_explainers():
    yield cnnforge.ExplainerSpec(name="bright", title="<Brightness>", explain="bright_places:bright")
    yield cnnforge.ExplainerSpec(name="broken", title="Broken", explain="bright_places:broken")


def bright(model, images, classes):
    return images.mean(axis=-1) / 255


def broken(model, images, classes):
    raise KeyError("no layer of that name")
"""


def test_another_explainer_is_shown_and_one_that_raises_is_named_and_left_out(cli, trained, tmp_path, few):
    plugin = tmp_path / "bright_places.py"
    plugin.write_text(EXPLAINERS)
    before = json.loads(cli("explain", str(trained.run), "--out", str(tmp_path / "before"), "--json").out)
    registry.cache_clear()
    done = cli("explain", str(trained.run), "--plugin", str(plugin), "--out", str(tmp_path / "out"), "--json")
    sys.modules.pop("bright_places")
    assert done.code == 0, done.err
    assert "explainer broken is left out: KeyError: 'no layer of that name'" in " ".join(done.err.split())
    found = json.loads(done.out)
    assert found["others"] == {"bright": "<Brightness>"}
    assert found["left_out"] == {"broken": "KeyError: 'no layer of that name'"}
    for group in found["groups"]:
        for photograph in group["photographs"]:
            assert (tmp_path / "out" / photograph.pop("others")["bright"]).is_file()
    for group in before["groups"]:
        assert [photograph.pop("others") for photograph in group["photographs"]] == [{}] * len(group["photographs"])
    assert (found["groups"], found["agreement"]) == (before["groups"], before["agreement"])
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert page.count(">&lt;Brightness&gt;</span>") == sum(len(group["photographs"]) for group in found["groups"])
    assert "Explainer broken is left out" in page


def test_what_is_no_image_is_named(cli, trained, tmp_path):
    (tmp_path / "text.jpg").write_text("no image")
    done = cli("explain", str(trained.run), str(tmp_path / "text.jpg"), "--out", str(tmp_path / "out"))
    assert (done.code, "text.jpg: not an image" in done.err) == (3, True)
    assert not (tmp_path / "out").exists()
    assert cli("explain", str(trained.run), str(tmp_path / "none.jpg"), "--out", str(tmp_path / "out")).code == 3


def test_a_folder_with_something_in_it_is_left_alone(cli, trained, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    done = cli("explain", str(trained.run), "--out", str(tmp_path))
    assert (done.code, "expected a new or empty folder" in done.err) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_photographs_that_are_gone_are_said(cli, trained, tmp_path):
    run = trained.copy(tmp_path)
    moved = Path(shutil.copytree(trained.photographs, tmp_path / "moved"))
    recipe = run / "recipe.toml"
    recipe.write_text(recipe.read_text().replace(str(trained.photographs), str(moved)))
    shutil.rmtree(moved / "apple")
    (moved / "apple").mkdir()
    Image.new("RGB", (9, 9)).save(moved / "apple" / "other.png")
    done = cli("explain", str(run))
    assert done.code == 3
    assert "received nothing of that name" in done.err


def test_the_report_is_made_again_from_files_alone(cli, process, trained, tmp_path):
    run = trained.copy(tmp_path, trained.run.name)
    before = (run / "report.html").read_text(encoding="utf-8")
    for name in ("report.html", "model_card.md", "model.keras"):
        (run / name).unlink()
    shutil.rmtree(run / "checkpoints")
    code = (
        "import sys\nfrom cnnforge.cli.console import main\ntry:\n    main()\nexcept SystemExit as done:\n"
        "    print(done.code, sorted({'keras', 'tensorflow', 'numpy', 'PIL', 'sklearn'} & set(sys.modules)))"
    )
    done = process("report", str(run), code=code)
    assert done.stdout.splitlines()[-1] == "0 []", done.stderr
    assert f"Model card  {run / 'model_card.md'}" in done.stdout
    assert (run / "report.html").read_text(encoding="utf-8") == before


def test_a_run_of_before_this_version_gets_a_report(cli, trained, tmp_path):
    run = trained.copy(tmp_path)
    (run / "examples.json").unlink()
    shutil.rmtree(run / "examples")
    found = json.loads((run / "evaluation.json").read_text())
    for key in ("roc_auc", "average_precision", "expected_calibration_error", "reliability", "roc_curves"):
        del found[key]
    (run / "evaluation.json").write_text(json.dumps(found))
    assert cli("report", str(run)).code == 0
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "Confusion matrix" in page
    assert "How far its probabilities go" not in page
