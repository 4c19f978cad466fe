"""The report: right figures, nothing from outside, nothing unescaped, and whole whatever is missing."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import cnnforge_report
from cnnforge.errors import RecipeError
from cnnforge.host import PluginHost, Registry
from cnnforge.report import charts, numbers as formats, writing as report
from cnnforge.running.run_dir import RunDir
from cnnforge_report.photographs import MAX_PICTURE_BYTES


def host_of_report() -> PluginHost:
    host = PluginHost()
    host.register(cnnforge_report, "cnnforge:report")
    return host


REGISTRY = Registry(host_of_report())
HOSTILE = "</title></pre><script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7*7 }}"
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class Page(HTMLParser):
    """The elements of a page and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.text += " " if tag in {"td", "th", "dt", "dd"} else ""

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def plain(self) -> str:
        return re.sub(r"\s+", " ", self.text)


def epoch(number: int, **values: float) -> dict[str, float]:
    line = {"epoch": number, "seconds": 21.0, "images_per_second": 868.1, "learning_rate": 0.001}
    return {**line, "loss": 0.7, "accuracy": 0.6, "val_loss": 0.7, "val_accuracy": 0.6, **values}


def evaluation(class_names: list[str], matrix: list[list[int]], **values: Any) -> dict[str, Any]:
    total = sum(map(sum, matrix))
    right = sum(row[i] for i, row in enumerate(matrix)) / total
    rows = [{"name": n, "precision": 0.8, "recall": 0.75, "f1": 0.77, "num_images": 3} for n in class_names]
    content = {"split": "test", "num_images": total, "loss": 0.5, "accuracy": right}
    content |= {"accuracy_interval": [right - 0.02, right + 0.02], "baseline_accuracy": 0.502}
    content |= {"baseline_class": class_names[0], "class_names": class_names, "confusion_matrix": matrix}
    return {**content, "per_class": rows, "mistakes": [], **values}


def run(**values: Any) -> dict[str, Any]:
    splits = {"train": {"cat": 8000, "dog": 8001}, "validation": {"cat": 1000, "dog": 999}}
    data = {"location": "photographs.zip", "notice": "", "class_names": ["cat", "dog"], "num_images": 18000}
    data |= {"splits": splits, "num_left_out": 2, "left_out_reasons": {"empty file": 2}, "num_duplicates": 4}
    content = {
        "status": "finished",
        "recipe": "catsdogs",
        "argv": ["/bin/cnnforge", "run", "my recipe.toml"],
        "seed": 3,
    }
    content |= {"seconds": {"scan": 10.0, "training": 60.0, "evaluation": 5.0, "total": 100.0}, "best_epoch": 2}
    return {**content, "data": {**data, "num_near_duplicates": 0, "warnings": []}, **values}


def write(path: Path, **contents: Any) -> RunDir:
    """Write the files of a run: objects as JSON, lists as lines, text as it is; None leaves a file out."""
    path.mkdir(exist_ok=True)
    files = {"run": run(), "recipe": 'name = "catsdogs"\n[training]\nepochs = 3\n', **contents}
    run_dir = RunDir(path)
    for name, content in files.items():
        if isinstance(content, list):
            content = "".join(json.dumps(line) + "\n" for line in content)
        if content is not None:
            text = content if isinstance(content, str) else json.dumps(content)
            getattr(run_dir, "run_json" if name == "run" else name).write_text(text, encoding="utf-8")
    return run_dir


def page(run_dir: RunDir) -> Page:
    return Page(report.write_report(run_dir.path, REGISTRY).read_text(encoding="utf-8"))


def cats_and_dogs(**values: Any) -> dict[str, Any]:
    return evaluation(["cat", "dog"], [[812, 188], [200, 800]], **values)


def test_summary_states_accuracy_interval_and_baseline_in_a_sentence(tmp_path: Path) -> None:
    text = page(write(tmp_path, evaluation=cats_and_dogs())).plain
    assert "Test accuracy 80.6 % 95 % interval 78.6 % to 82.6 %" in text
    assert "Right on 1,612 of 2,000 test photographs; always answering “cat” would be right on 50.2 %." in text


@pytest.mark.parametrize(
    ("baseline", "said"),
    [(0.5, "has learned something"), (0.8, "no evidence that the network has learned"), (0.9, "something is wrong")],
)
def test_verdict_follows_from_interval_and_baseline(tmp_path: Path, baseline: float, said: str) -> None:
    found = cats_and_dogs(baseline_accuracy=baseline)
    assert said in page(write(tmp_path, evaluation=found)).plain


def test_uneven_classes_lead_with_balanced_accuracy(tmp_path: Path) -> None:
    found = evaluation(["cat", "dog", "bird"], [[40, 0, 0], [4, 16, 0], [2, 0, 0]])
    found |= {"balanced_accuracy_interval": [0.52, 0.7]}
    text = page(write(tmp_path, evaluation=found)).plain
    assert "Test balanced accuracy 60.0 % 95 % interval 52.0 % to 70.0 %" in text
    assert "The classes are uneven (2 of “bird”, 40 of “cat”)" in text
    assert "Accuracy, which rare classes hardly count in, is 90.3 % (95 % interval 88.3 % to 92.3 %)" in text


@pytest.mark.parametrize("counts", [(40, 20), (5, 5), (2, 1)])
def test_classes_up_to_twice_as_large_are_even(tmp_path: Path, counts: tuple[int, int]) -> None:
    found = evaluation(["cat", "dog"], [[counts[0], 0], [0, counts[1]]])
    assert "uneven" not in page(write(tmp_path, evaluation=found)).plain


@pytest.mark.parametrize(
    ("right", "total", "said"),
    [(1, 1, "1 of 1 20.7 % to 100.0 %"), (0, 3, "0 of 3"), (9, 9, "9 of 9"), (10, 10, "100.0 %"), (8, 10, "80.0 %")],
)
def test_few_images_of_a_class_are_a_count(tmp_path: Path, right: int, total: int, said: str) -> None:
    found = evaluation(["cat", "dog"], [[20, 0], [total - right, right]])
    found["recall_intervals"] = [[0.8, 0.999], [0.2066, 1.0]]
    text = page(write(tmp_path, evaluation=found)).plain
    assert f"dog {total} {said}" in text
    assert (f"dog {total} 100.0 %" in text) == (said == "100.0 %")


def test_few_images_in_all_are_a_count(tmp_path: Path) -> None:
    text = page(write(tmp_path, evaluation=evaluation(["cat", "dog"], [[1, 0], [0, 2]]))).plain
    assert "Test accuracy 3 of 3 95 % interval" in text


def test_the_speed_says_of_which_epochs_it_is(tmp_path: Path) -> None:
    facts = {"images_per_second": 18.2, "speed_phase": "epochs 16 to 18"}
    assert "images per second, epochs 16 to 18 18" in page(write(tmp_path, run=run(**facts))).plain


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        ([0.931, 0.992], "93.1 % to 99.2 %"),
        ([0.92, 0.92], ""),
        ([0.92001, 0.92004], "92.001 % to 92.004 %"),
        ([-0.1, 1.2], "0.0 % to 100.0 %"),
        (None, ""),
    ],
)
def test_an_interval_has_two_ends_or_is_none(limits: list[float] | None, text: str) -> None:
    assert formats.interval(limits).replace("\N{NO-BREAK SPACE}", " ") == text


def test_notice_stands_in_the_title_and_before_the_heading(tmp_path: Path) -> None:
    facts = run()
    facts["data"]["notice"] = "These are drawings."
    text = page(write(tmp_path, run=facts, evaluation=cats_and_dogs())).plain
    assert "report of a run · These are drawings." in text
    assert "These are drawings. catsdogs Run" in text
    assert "photograph" not in text.replace("photographs.zip", "")


CURVES = {
    "overfitting": ([(0.6, 0.5), (0.4, 0.45), (0.1, 0.9)], "lowest in epoch 2 (0.45) and had risen to 0.9 by epoch 3"),
    "still falling": ([(0.6, 0.5), (0.4, 0.45), (0.3, 0.4)], "still falling in the last epoch"),
    "level": ([(0.6, 0.5), (0.4, 0.45), (0.39, 0.46)], "training longer would change little"),
    "level to the last": ([(0.6, 0.5), (0.4, 0.45), (0.3, 0.4499)], "training longer would change little"),
    "a gap": ([(0.6, 0.5), (float("nan"), float("nan")), (0.3, 0.4)], "still falling in the last epoch"),
}


@pytest.mark.parametrize(("losses", "said"), CURVES.values(), ids=CURVES)
def test_curves_are_read_aloud(tmp_path: Path, losses: list[tuple[float, float]], said: str) -> None:
    lines = [epoch(i + 1, loss=loss, val_loss=val_loss) for i, (loss, val_loss) in enumerate(losses)]
    assert said in page(write(tmp_path, metrics=lines)).plain


def of_validation(num_images: int) -> dict[str, Any]:
    facts = run()
    facts["data"]["splits"]["validation"] = {"cat": num_images // 2, "dog": num_images - num_images // 2}
    return facts


def losses(*val_losses: float) -> list[dict[str, float]]:
    return [epoch(n, loss=0.7 / n, val_loss=val_loss) for n, val_loss in enumerate(val_losses, start=1)]


ADVICE = ("longer training may help", "would change little", "overfitting", "may learn more")
SMALL = {
    "up and down on six": (6, losses(0.815, 0.898, 1.014, 0.808)),
    "a steep fall on six": (6, losses(2.0, 1.5, 1.0, 0.5)),
    "a rise on twelve": (12, losses(0.5, 0.6, 0.8, 1.2)),
    "level on twenty-nine": (29, losses(0.6, 0.5, 0.5, 0.5)),
    "a small fall on a hundred": (100, losses(0.6, 0.5, 0.49, 0.45)),
    "a rise by a fifth on a hundred": (100, losses(0.6, 0.5, 0.55, 0.62)),
    "level on a hundred": (100, losses(0.6, 0.5, 0.5, 0.5)),
}
LARGE = {
    "a steep fall on a hundred": (100, losses(2.0, 1.5, 1.0, 0.5), "still falling in the last epochs"),
    "a rise on a hundred": (100, losses(0.6, 0.5, 0.8, 1.2), "overfitting"),
    "a small fall on ten thousand": (10_000, losses(0.6, 0.5, 0.49, 0.45), "still falling in the last epochs"),
    "a rise by a quarter on ten thousand": (10_000, losses(0.6, 0.5, 0.55, 0.65), "overfitting"),
    "level on a thousand": (1000, losses(0.6, 0.5, 0.5, 0.5), "training longer would change little"),
    "a slow fall over many epochs": (
        2500,
        losses(*(0.5 - 0.006 * n for n in range(40))),
        "still falling in the last epochs",
    ),
}


@pytest.mark.parametrize(("num_images", "lines"), SMALL.values(), ids=SMALL)
def test_what_may_be_chance_gives_no_advice(tmp_path: Path, num_images: int, lines: list[dict[str, float]]) -> None:
    text = page(write(tmp_path, run=of_validation(num_images), metrics=lines)).plain
    assert f"on {num_images} validation photographs: whether longer training helps cannot be told" in text
    assert not [advice for advice in ADVICE if advice in text]


@pytest.mark.parametrize(("num_images", "lines", "said"), LARGE.values(), ids=LARGE)
def test_what_is_more_than_chance_is_said(
    tmp_path: Path, num_images: int, lines: list[dict[str, float]], said: str
) -> None:
    text = page(write(tmp_path, run=of_validation(num_images), metrics=lines)).plain
    assert said in text
    assert [advice for advice in ADVICE if advice in text and advice not in said] in ([], ["longer training may help"])


def test_the_fall_at_the_start_of_fine_tuning_is_none_of_its_last_epochs(tmp_path: Path) -> None:
    recipe = 'name = "catsdogs"\n[training]\nepochs = 6\n[training.fine_tuning]\nepochs = 2\n'
    text = page(write(tmp_path, recipe=recipe, metrics=losses(0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.4, 0.399))).plain
    assert "still falling" not in text
    assert "levelled off by epoch 8" in text


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (0.4, "as the learning rate came to its end: a longer schedule may learn more"),
        (0.3, "but training loss reached 0.3: more varied photographs, by training.augmentation, may help more"),
    ],
)
def test_a_curve_that_is_level_for_want_of_learning_rate_is_read_so(tmp_path: Path, loss: float, said: str) -> None:
    rates = [0.1, 0.05, 0.001]
    lines = [epoch(i + 1, loss=loss, val_loss=0.45, learning_rate=rate) for i, rate in enumerate(rates)]
    text = page(write(tmp_path, metrics=lines)).plain
    assert said in text
    assert "training longer would change little" not in text


def test_every_chart_has_a_title_and_a_description_with_its_figures(tmp_path: Path) -> None:
    lines = [epoch(1, auc=0.5), epoch(2, val_accuracy=0.8125, auc=0.75, learning_rate=0.0005)]
    shown = page(write(tmp_path, metrics=lines, evaluation=cats_and_dogs()))
    labels = [chart["aria-labelledby"] or "" for chart in shown.all("svg")]
    ids = {attributes.get("id") for tag, attributes in shown.elements if tag in {"title", "desc"}}
    assert len(labels) == 5  # the interval, loss, accuracy, AUC and the learning rate, which changes
    assert {part for label in labels for part in label.split()} <= ids
    assert "validation: 60.0 % in epoch 1, 81.2 % in epoch 2. The best epoch is 2." in shown.plain


def test_data_section_counts_classes_reasons_and_duplicates(tmp_path: Path) -> None:
    text = page(write(tmp_path)).plain
    assert "class train validation all" in text
    assert "cat 8,000 1,000 9,000" in text
    assert "all classes 16,001 1,999 18,000" in text
    assert "2 files could not be used: empty file: 2" in text
    assert "4 identical photographs" in text


def test_list_of_left_out_files_is_cut_and_says_so(tmp_path: Path) -> None:
    lines = [{"name": "fine.jpg", "class": "cat"}]
    lines += [{"name": f"Cat/{i}.jpg", "left_out": "empty file"} for i in range(53)]
    text = page(write(tmp_path, manifest=lines)).plain
    assert "Cat/49.jpg empty file" in text
    assert "Cat/50.jpg" not in text
    assert "And 3 more" in text
    assert "fine.jpg" not in text


def test_time_that_no_part_accounts_for_is_shown(tmp_path: Path) -> None:
    assert "starting up and the rest 25 s 25.0 %" in page(write(tmp_path)).plain


def test_time_for_grad_cam_is_said_only_where_there_was_any(tmp_path: Path) -> None:
    facts = run(seconds={"explanation": 3.0, "total": 10.0})
    without = page(write(tmp_path / "a", run=facts, examples={"doubtful": []})).plain
    assert "starting up and the rest 7.0 s" in without
    assert "pictures for this report 3.0 s" in without
    assert "Grad-CAM" not in without
    shown = page(write(tmp_path / "b", run=facts, examples={"doubtful": [], "grad_cam": {}})).plain
    assert "Grad-CAM pictures for this report 3.0 s" in shown


def test_speed_is_explained_as_far_as_it_is_known(tmp_path: Path) -> None:
    precision = {"policy": "mixed_bfloat16", "reason": "2.1 times as fast"}
    text = page(write(tmp_path, run=run(precision=precision, waiting_share=0.012))).plain
    assert "Training waited for data 1.2 % of its time. Arithmetic: mixed_bfloat16 (2.1 times as fast)." in text
    assert "Arithmetic" not in page(write(tmp_path)).plain


def test_commands_quote_and_need_no_installation_path(tmp_path: Path) -> None:
    shown = page(write(tmp_path / "the run"))
    assert "cnnforge run 'my recipe.toml'" in shown.plain
    assert "cnnforge run 'the run/recipe.toml'" in shown.plain


def test_mistakes_are_embedded_with_caption_and_alternative_text(tmp_path: Path) -> None:
    (tmp_path / "mistakes").mkdir()
    (tmp_path / "mistakes" / "01.png").write_bytes(PICTURE)
    mistake = {"name": "Cat/1.jpg", "file": "mistakes/01.png", "label": "cat", "predicted": "dog", "probability": 0.999}
    shown = page(write(tmp_path, evaluation=cats_and_dogs(mistakes=[mistake])))
    (image,) = shown.all("img")
    assert image["src"] == "data:image/png;base64," + base64.b64encode(PICTURE).decode()
    assert image["alt"] == "Labelled cat; the model says dog"
    assert "the model says dog, 99.9 %" in shown.plain


def picture(path: Path, name: str) -> str:
    (path / name).parent.mkdir(exist_ok=True)
    (path / name).write_bytes(PICTURE)
    return name


def example(name: str, **values: Any) -> dict[str, Any]:
    return {"name": name, "file": "", "label": "cat", "predicted": "dog", "probability": 0.9, **values}


def test_mistakes_and_doubtful_ones_stand_beside_their_grad_cam(tmp_path: Path) -> None:
    wrong = example("a.jpg", file=picture(tmp_path, "mistakes/01.png"))
    doubtful = example("b.jpg", file=picture(tmp_path, "examples/2.png"), predicted="cat", probability=0.51)
    found = {"doubtful": [doubtful], "grad_cam": {name: picture(tmp_path, f"examples/{name}.png") for name in "ab"}}
    found["grad_cam"] = {f"{name}.jpg": file for name, file in found["grad_cam"].items()}
    shown = page(write(tmp_path, evaluation=cats_and_dogs(mistakes=[wrong]), examples=found))
    alternatives = [image["alt"] for image in shown.all("img")]
    assert alternatives == [
        "Labelled cat; the model says dog",
        "Grad-CAM: where it saw dog",
        "Labelled cat; the model says cat",
        "Grad-CAM: where it saw cat",
    ]
    assert "Most doubtful" in shown.plain


def test_a_network_without_grad_cam_says_why(tmp_path: Path) -> None:
    found = {"doubtful": [example("a.jpg")], "grad_cam": {}, "grad_cam_error": "RecipeError: no convolution"}
    text = page(write(tmp_path, evaluation=cats_and_dogs(), examples=found)).plain
    assert "There is no Grad-CAM of this network: RecipeError: no convolution" in text


def suspects(number: int) -> dict[str, Any]:
    one = {"label": "cat", "label_probability": 0.02, "suggested": "dog", "suggested_probability": 0.98}
    rows = [{"name": f"Cat/{i}.jpg", **one} for i in range(min(number, 200))]
    return {"doubtful": [], "label_errors": {"num_images": 2000, "num_suspects": number, "suspects": rows}}


def test_suspected_labels_are_counted_named_and_doubted(tmp_path: Path) -> None:
    text = page(write(tmp_path, evaluation=cats_and_dogs(), examples=suspects(60))).plain
    assert "On 60 of 2,000 test photographs (3.0 %) the network contradicts the label" in text
    assert "the network is wrong on 19.4 % of these photographs, and most of its suspicions may be mistakes" in text
    assert "Cat/49.jpg cat 2.0 % dog 98.0 %" in text
    assert "Cat/50.jpg" not in text
    run_dir = write(tmp_path, evaluation=cats_and_dogs(), examples=suspects(0))
    assert "None of the 2,000 test photographs" in page(run_dir).plain
    run_dir.examples.unlink()
    assert "Labels that may be wrong" not in page(run_dir).plain


def reliability(*bins: tuple[float, float, int]) -> list[dict[str, Any]]:
    return [
        {"low": said - 0.05, "high": said + 0.05, "num_images": n, "confidence": said, "accuracy": right,
         "accuracy_interval": [max(0, right - 0.1), min(1, right + 0.1)]}
        for said, right, n in bins
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("said", "verdict"),
    [(0.95, "too sure of itself"), (0.7, "right more often than it says"), (0.806, "can be taken at their word")],
)
def test_probabilities_are_judged_by_how_often_they_are_right(tmp_path: Path, said: float, verdict: str) -> None:
    found = cats_and_dogs(reliability=reliability((said, 0.806, 2000)), expected_calibration_error=abs(said - 0.806))
    shown = page(write(tmp_path, evaluation=found))
    assert verdict in shown.plain
    assert f"Says {said * 100:.0f} %, is right 81 % of 2,000." in shown.plain


def curve(name: str, *points: tuple[float, float]) -> dict[str, Any]:
    across, up = zip(*points, strict=True)
    return {"name": name, "false_positive_rate": list(across), "true_positive_rate": list(up)}


def test_probabilities_are_not_judged_by_six_images(tmp_path: Path) -> None:
    found = evaluation(["cat", "dog"], [[3, 0], [1, 2]], accuracy_interval=[0.44, 0.97])
    found["reliability"] = reliability((0.7, 5 / 6, 6))
    text = page(write(tmp_path, evaluation=found)).plain
    assert "on too few images (6) to tell more: the difference may be chance" in text
    assert "right more often" not in text


def test_the_roc_curve_is_drawn_and_said(tmp_path: Path) -> None:
    found = cats_and_dogs(roc_auc=0.875, roc_curves=[curve("dog", (0, 0), (0.25, 1), (1, 1))])
    found["per_class"] = [{**row, "roc_auc": 0.875} for row in found["per_class"]]
    shown = page(write(tmp_path, evaluation=found))
    assert (
        "Of a “dog” and a “cat” drawn at random, the network finds the “dog” the likelier one in 87.5 %" in shown.plain
    )
    assert "Area under the curve. dog: area 0.875." in shown.plain


def test_of_many_classes_the_curves_of_the_weakest_are_drawn(tmp_path: Path) -> None:
    names = [f"class {i}" for i in range(6)]
    found = evaluation(names, [[5 if i == j else 1 for j in range(6)] for i in range(6)], roc_auc=0.8)
    found["per_class"] = [{**row, "roc_auc": 0.9 - i / 10} for i, row in enumerate(found["per_class"])]
    found["roc_curves"] = [curve(name, (0, 0), (1, 1)) for name in names]
    text = page(write(tmp_path, evaluation=found)).plain
    assert "Drawn: the 3 classes with the smallest areas" in text
    assert "class 5 0.4 class 4 0.5 class 3 0.6" in text


def test_groups_of_duplicates_are_listed_those_across_splits_first(tmp_path: Path) -> None:
    lines = [{"name": f"{i}.jpg", "class": "cat", "split": "train", "near_duplicates": i // 2} for i in range(60)]
    lines[51]["split"] = "test"
    text = page(write(tmp_path, manifest=lines)).plain
    assert "Nearly identical: the first 20 groups 50.jpg train, 51.jpg test 0.jpg train, 1.jpg train" in text
    assert "Identical:" not in text


def test_a_thousand_classes_fit_into_the_report(tmp_path: Path) -> None:
    names = [f"a class with a long name, number {i}" for i in range(1000)]
    matrix = [[8 if i == j else int((i * 7 + j) % 97 == 0) for j in range(1000)] for i in range(1000)]
    facts = run()
    facts["data"] |= {
        "class_names": names,
        "splits": {s: dict.fromkeys(names, 9) for s in ("train", "validation", "test")},
    }
    found = evaluation(names, matrix, roc_auc=0.8, reliability=reliability((0.5, 0.5, 9)), expected_calibration_error=0)
    found["per_class"] = [{**row, "f1": i / 1000, "roc_auc": 0.5} for i, row in enumerate(found["per_class"])]
    found["roc_curves"] = [curve(name, *[(i / 100, i / 100) for i in range(101)]) for name in names]
    found["mistakes"] = [example(f"{i}.jpg", file="mistakes/x.jpg") for i in range(24)]
    (tmp_path / "mistakes").mkdir()
    (tmp_path / "mistakes" / "x.jpg").write_bytes(bytes(200_000))
    run_dir = write(tmp_path, run=facts, evaluation=found)
    shown = page(run_dir)
    assert run_dir.report.stat().st_size < 5_000_000
    assert "the 20 classes of lowest F1" in shown.plain
    assert "The other 980 classes" in shown.plain


def test_pictures_stop_before_the_report_grows_too_large(tmp_path: Path) -> None:
    (tmp_path / "mistakes").mkdir()
    names = [f"mistakes/{i}.jpg" for i in range(4)]
    for name in names:
        (tmp_path / name).write_bytes(bytes(MAX_PICTURE_BYTES // 4 - 100))  # base64 takes a third more
    wrong = [{"name": n, "file": n, "label": "cat", "predicted": "dog", "probability": 0.9} for n in names]
    run_dir = write(tmp_path, evaluation=cats_and_dogs(mistakes=wrong))
    assert len(page(run_dir).all("img")) == 3
    assert run_dir.report.stat().st_size < 5_000_000


@pytest.mark.parametrize("name", ["../secret.jpg", "/etc/hostname", "mistakes/gone.jpg", "run.json", ""])
def test_no_file_outside_the_run_and_nothing_but_pictures_is_embedded(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.jpg").write_bytes(PICTURE)
    wrong = {"name": "a", "file": name, "label": "cat", "predicted": "dog", "probability": 0.9}
    shown = page(write(tmp_path / "run", evaluation=cats_and_dogs(mistakes=[wrong])))
    assert shown.all("img") == []
    assert "no picture in this report" in shown.plain


@pytest.fixture
def hostile(tmp_path: Path) -> Page:
    """A report in which every text that anybody may choose is an attack."""
    facts = run(status=HOSTILE, recipe=HOSTILE, argv=[HOSTILE, HOSTILE], platform=HOSTILE)
    facts |= {"plugins": {"architecture": {"name": HOSTILE, "plugin": HOSTILE, "version": HOSTILE}}}
    facts["data"] |= {"class_names": [HOSTILE, "dog"], "splits": {"train": {HOSTILE: 1, "dog": 2}}, "notice": HOSTILE}
    facts["data"] |= {"location": HOSTILE, "left_out_reasons": {HOSTILE: 1}, "warnings": [HOSTILE]}
    wrong = {"name": f"{HOSTILE}\udc80/1.jpg", "file": HOSTILE, "label": HOSTILE, "predicted": "dog", "probability": 1}
    lines = [epoch(1, **{HOSTILE: 0.5}), epoch(2, **{HOSTILE: 0.6})]
    left_out = [{"name": HOSTILE, "left_out": HOSTILE}]
    found = evaluation([HOSTILE, "dog"], [[3, 1], [1, 3]], mistakes=[wrong])
    found |= {"reliability": reliability((0.9, 0.8, 8)), "expected_calibration_error": 0.1, "roc_auc": 0.9}
    found["per_class"] = [{**row, "roc_auc": 0.9} for row in found["per_class"]]
    found["roc_curves"] = [curve(HOSTILE, (0, 0), (1, 1))]
    kept = {"doubtful": [wrong], "grad_cam": {wrong["name"]: HOSTILE}, "grad_cam_error": HOSTILE}
    kept["label_errors"] = suspects(1)["label_errors"]
    kept["label_errors"]["suspects"][0] |= {"name": HOSTILE, "label": HOSTILE, "suggested": HOSTILE}
    left_out += [{"name": HOSTILE, "split": HOSTILE, "duplicates": 1, "near_duplicates": 1}]
    recipe = f"# {HOSTILE}\n"
    written = {"run": facts, "recipe": recipe, "metrics": lines, "evaluation": found, "examples": kept}
    return page(write(tmp_path / "run", **written, manifest=left_out))


def test_hostile_names_stay_text(hostile: Page) -> None:
    assert hostile.all("script") == []
    assert hostile.all("img") == []
    assert not [name for _, attributes in hostile.elements for name in attributes if name.startswith("on")]
    assert hostile.text.count("<script>alert(1)</script>") >= 15
    assert "49" not in hostile.text


def test_page_asks_for_nothing_from_outside(hostile: Page) -> None:
    loading = [(tag, a) for tag, a in hostile.elements if tag != "a"]
    links = [a.get(key) or "" for _, a in loading for key in ("src", "href", "srcset", "data") if key in a]
    assert links
    assert all(link.startswith("data:") for link in links)
    assert all(re.match(r"#|https://arxiv\.org/", link["href"] or "") for link in hostile.all("a"))
    policies = [a["content"] for a in hostile.all("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    assert policies == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


def test_links_within_the_page_lead_somewhere_and_ids_are_unique(hostile: Page) -> None:
    ids = [attributes["id"] for _, attributes in hostile.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {link["href"] or "" for link in hostile.all("a")}
    assert {target for target in targets if not target.startswith("https://arxiv.org/")} <= {f"#{i}" for i in ids}


@pytest.mark.parametrize("num_classes", [2, 3, 20, 60])
def test_any_number_of_classes(tmp_path: Path, num_classes: int) -> None:
    names = [f"class {i}" for i in range(num_classes)]
    matrix = [[8 if i == j else int(j == i - 1) for j in range(num_classes)] for i in range(num_classes)]
    shown = page(write(tmp_path, evaluation=evaluation(names, matrix)))
    cells = [cell for cell in shown.all("td") if "style" in cell and cell["class"] != "bar"]
    assert len(cells) == (num_classes**2 if num_classes <= 40 else 0)
    assert ("Most frequent mix-ups" in shown.plain) == (num_classes > 4)
    assert ("too large for a page" in shown.plain) == (num_classes == 60)


MISSING: dict[str, dict[str, Any]] = {
    "only started": {"run": {"status": "started"}, "recipe": None},
    "interrupted": {"run": run(status="interrupted"), "metrics": [epoch(1), epoch(2)]},
    "half a last line": {"metrics": json.dumps(epoch(1)) + '\n{"epoch": 2, "lo'},
    "one epoch": {"metrics": [epoch(1)], "evaluation": cats_and_dogs()},
    "no validation": {"metrics": [{"epoch": 1, "loss": 1.0}, {"epoch": 2, "loss": 0.5}]},
    "nothing finite": {"metrics": [epoch(1, loss=float("nan"), accuracy=0, val_loss=float("nan"))]},
    "no image of a class": {"evaluation": evaluation(["cat", "dog"], [[3, 1], [0, 0]])},
}


@pytest.mark.parametrize("contents", MISSING.values(), ids=MISSING)
def test_whatever_is_missing_there_is_a_report(tmp_path: Path, contents: dict[str, Any]) -> None:
    shown = page(write(tmp_path, **contents))
    assert "Do it again" in shown.plain
    assert "nan" not in " ".join(str(a.get("d")) + str(a.get("y")) for _, a in shown.elements)


def test_interrupted_run_says_so_and_shows_what_it_reached(tmp_path: Path) -> None:
    lines = [epoch(1), epoch(2, val_accuracy=0.7)]
    facts = run(status="interrupted", error="KeyboardInterrupt: stopped")
    text = page(write(tmp_path, run=facts, metrics=lines)).plain
    assert "its status is “interrupted”. It trained for 2 of 3 epochs. KeyboardInterrupt: stopped" in text
    assert "Validation accuracy 70.0 %" in text


def test_report_replaces_the_one_before(tmp_path: Path) -> None:
    run_dir = write(tmp_path)
    run_dir.report.write_text("old", encoding="utf-8")
    assert report.write_report(run_dir.path, REGISTRY) == run_dir.report
    assert "catsdogs" in run_dir.report.read_text(encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["recipe.toml", "report.html", "run.json"]


def test_files_that_are_no_images_are_counted_apart(tmp_path: Path) -> None:
    facts = run()
    facts["data"]["ignored"] = 2
    assert "2 other files were passed over" in page(write(tmp_path, run=facts)).plain


def test_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"expected a run directory with run.json in it"):
        report.write_report(tmp_path, REGISTRY)


def test_report_needs_neither_keras_nor_numpy() -> None:
    modules = "cnnforge.report.writing, cnnforge_report.model_card, cnnforge_report.photographs"
    code = f"import sys, {modules}; print({{'keras', 'tensorflow', 'numpy', 'PIL'}} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("low", "high", "ceiling", "expected"),
    [
        (0.0, 1.0, 1.0, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0.63, 0.97, 1.0, [0.6, 0.7, 0.8, 0.9, 1.0]),
        (0.05, 1.49, 9.0, [0, 0.5, 1, 1.5]),
        (0.5, 0.5, 1.0, [0.4, 0.5, 0.6]),
        (0.0, 0.0, 9.0, [-0.2, 0, 0.2]),
        (3.0, 41.0, 99.0, [0, 10, 20, 30, 40, 50]),
    ],
)
def test_ticks_are_round_and_contain_the_range(low: float, high: float, ceiling: float, expected: list[float]) -> None:
    assert charts.ticks(low, high, ceiling) == expected


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (1, 1, [1]),
        (1, 5, [1, 2, 3, 4, 5]),
        (1, 15, [1, 3, 5, 7, 9, 11, 13, 15]),
        (1, 40, [1, 5, 10, 15, 20, 25, 30, 35, 40]),
        (1, 300, [1, 50, 100, 150, 200, 250, 300]),
    ],
)
def test_epoch_ticks_are_whole_and_few(first: int, last: int, expected: list[int]) -> None:
    assert charts.epoch_ticks(first, last) == expected


@pytest.mark.parametrize(
    ("heights", "expected"), [([50, 52], [50, 65]), ([98, 99], [85, 100]), ([0, 1, 2], [0, 15, 30]), ([], [])]
)
def test_labels_are_moved_apart_and_stay_inside(heights: list[float], expected: list[float]) -> None:
    assert charts.spread(heights, 0, 100) == expected


def test_gap_breaks_the_line() -> None:
    line = charts.Series("training", "training", [0.1, None, 0.3, 0.4])
    (path,) = re.findall(r'<path d="([^"]*)"', charts.line_chart("key", "Loss", [1, 2, 3, 4], [line]))
    assert re.sub(r"[^ML]", "", path) == "MML"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (formats.percent(0.806), "80.6 %"),
        (formats.percent(0.99999), ">99.9 %"),
        (formats.percent(1.0), "100.0 %"),
        (formats.percent(1.0 - 2**-53), "100.0 %"),
        (formats.percent(0.0001), "<0.1 %"),
        (formats.percent(0.0), "0.0 %"),
        (formats.percent(None), "–"),
        (formats.count(9494561), "9,494,561"),
        (formats.count(float("nan")), "–"),
        (formats.number(0.047131), "0.04713"),
        (formats.duration(3.14), "3.1 s"),
        (formats.duration(59.7), "1 min 0 s"),
        (formats.duration(351), "5 min 51 s"),
        (formats.duration(7450), "2 h 4 min"),
        (formats.size(1.75e9), "1.75 GB"),
        (formats.size(312), "312 bytes"),
    ],
)
def test_numbers_are_written_for_people(text: str, expected: str) -> None:
    assert text.replace("\N{NO-BREAK SPACE}", " ") == expected
