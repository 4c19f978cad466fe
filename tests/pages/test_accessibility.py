"""Every page that CNNForge writes, in Chromium, checked by axe-core and for what sticks out on a telephone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cnnforge.report import page, writing as report
from tests.pages.browser import check
from tests.unit.report.test_report import (
    REGISTRY,
    cats_and_dogs,
    curve,
    epoch,
    evaluation,
    example,
    reliability,
    run,
    suspects,
    write,
)

pytestmark = pytest.mark.slow

LINES = [epoch(1), epoch(2, val_accuracy=0.7, learning_rate=0.0005), epoch(3, loss=0.3)]


def picture(path: Path) -> str:
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", (150, 150), (90, 140, 200)).save(path)
    return path.relative_to(path.parents[1]).as_posix()


def finished(path: Path, **facts: Any) -> Path:
    """A finished run with everything that a report may show."""
    photographs = [picture(path / "mistakes" / f"{i}.jpg") for i in range(14)]
    mistakes = [example(f"PetImages/Cat/{i}.jpg", file=file) for i, file in enumerate(photographs)]
    found = cats_and_dogs(mistakes=mistakes, roc_auc=0.875, expected_calibration_error=0.1)
    found["reliability"] = reliability((0.55, 0.5, 300), (0.75, 0.7, 500), (0.95, 0.85, 1200))
    found["per_class"] = [{**row, "roc_auc": 0.875} for row in found["per_class"]]
    found["roc_curves"] = [curve("dog", (0, 0), (0.2, 0.8), (1, 1))]
    kept = suspects(3) | {"doubtful": mistakes[:3], "grad_cam": {m["name"]: m["file"] for m in mistakes}}
    picture(path / "x" / "augmentation.jpg").strip()
    (path / "x" / "augmentation.jpg").replace(path / "augmentation.jpg")
    manifest = [{"name": f"{i}.jpg", "class": "cat", "split": "train", "duplicates": i // 2} for i in range(8)]
    manifest += [{"name": "bad.jpg", "left_out": "empty file"}]
    write(path, run=run(**facts), metrics=LINES, evaluation=found, examples=kept, manifest=manifest)
    return report.write_report(path, REGISTRY)


def drawn(path: Path) -> Path:
    facts = run()
    facts["data"] |= {"notice": "These are drawings, no photographs.", "warnings": ["2 groups lie across splits"]}
    return finished(path, data=facts["data"])


def failed(path: Path) -> Path:
    facts = run(status="failed", error="TrainingDivergedError: the loss is not finite")
    write(path, run=facts)
    return report.write_report(path, REGISTRY)


def interrupted(path: Path) -> Path:
    write(path, run=run(status="interrupted", error="stopped"), metrics=LINES[:2])
    return report.write_report(path, REGISTRY)


def classes(number: int) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        names = [f"class with a longer name {i}" for i in range(number)]
        matrix = [[8 if i == j else int((i + 2 * j) % 9 == 0) for j in range(number)] for i in range(number)]
        facts = run()
        facts["data"] |= {"class_names": names, "splits": {"train": dict.fromkeys(names, 9)}}
        found = evaluation(names, matrix, roc_auc=0.8)
        found["per_class"] = [{**row, "f1": i / number, "roc_auc": 0.8} for i, row in enumerate(found["per_class"])]
        found["roc_curves"] = [curve(name, (0, 0), (0.3, 0.7), (1, 1)) for name in names]
        write(path, run=facts, metrics=LINES, evaluation=found)
        return report.write_report(path, REGISTRY)

    make.__name__ = f"{number} classes"
    return make


def explanation(path: Path) -> Path:
    """A page of `cnnforge explain` with a labelled group and a given image."""
    one = {"predicted": "dog", "probability": 0.9, "photograph": "p", "grad_cam": "p", "occlusion": "p", "maps": ["p"]}
    one |= {"others": {"gradients": "p"}}
    groups = [
        {
            "title": "worst mistakes",
            "photographs": [{**one, "name": "Cat/1.jpg", "label": "cat", "agreement": 0.5}] * 3,
        },
        {"title": "mine.jpg", "photographs": [{**one, "name": "mine.jpg", "label": "", "agreement": None}]},
    ]
    file = path / "pictures" / "p.png"
    picture(file)
    content: dict[str, Any] = {
        "run": "a run",
        "notice": "",
        "architecture": "catsdogs_cnn",
        "filters": "p",
        "groups": groups,
        "others": {"gradients": "Gradients"},
        "left_out": {"broken": "ValueError: no"},
    }
    content |= {"kernel_shape": [3, 3, 3, 16], "layers": [{"name": "convolution_1", "shape": [148, 148, 16]}]}
    content |= {"agreement": {"num_photographs": 3, "mean": 0.5, "lowest": 0.1, "highest": 0.9}}
    uris = {"p": page.data_uri(file.read_bytes(), "image/png")}
    (path / "index.html").write_text(
        page.render("cnnforge_explain", "explain.html.j2", **content, uris=uris), encoding="utf-8"
    )
    return path / "index.html"


PAGES = {make.__name__: make for make in (finished, drawn, failed, interrupted, classes(12), classes(60), explanation)}


@pytest.mark.slow
@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("make", PAGES.values(), ids=PAGES)
def test_axe_finds_nothing_and_nothing_sticks_out(tmp_path: Path, make, width: int, is_dark: bool) -> None:
    (tmp_path / "run").mkdir()
    found = check(make(tmp_path / "run"), tmp_path, width=width, is_dark=is_dark)
    assert (found["width"], found["is_dark"]) == (width, is_dark)
    assert found["passes"] > 10
    assert not found["violations"], json.dumps(found["violations"], indent=2)
    assert found["wide"] == []


def test_the_check_finds_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    made = failed(tmp_path / "run")
    bad = '<p style="color: #999; background: #fff">faint</p><img src="data:,"><div style="width: 900px">wide</div>'
    made.write_text(made.read_text(encoding="utf-8").replace("</main>", f"{bad}</main>"), encoding="utf-8")
    found = check(made, tmp_path, width=390)
    assert {"color-contrast", "image-alt"} <= {violation["id"] for violation in found["violations"]}
    assert "wide" in found["wide"][-1]
