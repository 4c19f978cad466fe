"""What is kept for the report when a run ends."""

from __future__ import annotations

import json
import re
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from cnnforge.evaluation.predictions import Predictions
from cnnforge.host import Catalogue, ExplainerSpec, PluginHost, Registry
from cnnforge.running.run_dir import RunDir
from cnnforge_report.examples import write_examples
from tests.unit.network import networks

NUM_IMAGES = 40


def pixels(positions: np.ndarray) -> np.ndarray:
    return np.stack([np.full(networks.SHAPE, position + 100, np.uint8) for position in positions.tolist()])


def predictions(split: str = "test") -> Predictions:
    """Forty images of which the second class grows likelier; the last ten of the first class are labelled wrongly."""
    second = np.linspace(0.01, 0.99, NUM_IMAGES).astype(np.float32)
    labels = (second > 0.5).astype(np.int64)
    labels[:2] = 1
    names = [f"Cat/{i}.jpg" for i in range(NUM_IMAGES)]
    return Predictions(split, ["cat", "dog"], names, labels, np.stack([1 - second, second], axis=1))


def explainers(**switches: str) -> Catalogue[ExplainerSpec]:
    return Registry(PluginHost.discover({"CNNFORGE_LOAD_PLUGINS": "", **switches})).catalogue(ExplainerSpec)


def write(
    path: Path, model: keras.Model, split: str = "test", found: Catalogue[ExplainerSpec] | None = None
) -> tuple[RunDir, dict]:
    path.mkdir(exist_ok=True)
    found = explainers() if found is None else found
    run_dir = RunDir(path)
    write_examples(run_dir, predictions(split), pixels, model=model, explainers=found, num_mistakes=5)
    return run_dir, json.loads(run_dir.examples.read_text(encoding="utf-8"))


def test_the_most_doubtful_come_with_their_pictures_in_order(tmp_path):
    run_dir, content = write(tmp_path, networks.functional(2))
    probabilities = [entry["probability"] for entry in content["doubtful"]]
    assert probabilities == sorted(probabilities)
    assert {entry["name"] for entry in content["doubtful"]} == {f"Cat/{i}.jpg" for i in range(14, 26)}
    first = content["doubtful"][0]
    with Image.open(run_dir.path / first["file"]) as picture:
        number = int(first["name"].removeprefix("Cat/").removesuffix(".jpg"))
        assert abs(np.asarray(picture, np.int64) - (number + 100)).max() <= 2


def test_mistakes_and_doubtful_ones_get_grad_cam(tmp_path):
    run_dir, content = write(tmp_path, networks.functional(2))
    assert set(content["grad_cam"]) == {f"Cat/{i}.jpg" for i in (0, 1, *range(14, 26))}
    with Image.open(run_dir.path / content["grad_cam"]["Cat/0.jpg"]) as picture:
        assert picture.size == networks.SHAPE[1::-1]


def test_without_the_explainer_there_are_no_pictures_and_no_error(tmp_path):
    off = explainers(CNNFORGE_DISABLE_PLUGINS="explain")
    run_dir, content = write(tmp_path, networks.functional(2), found=off)
    assert set(content) == {"doubtful", "label_errors"}
    assert {path.name for path in run_dir.examples_dir.iterdir()} == {f"{i:05}.jpg" for i in range(14, 26)}


def test_an_explainer_that_two_plugins_bring_is_said(tmp_path):
    found = explainers()
    found.entries["grad_cam"] *= 2
    _, content = write(tmp_path, networks.functional(2), found=found)
    assert content["grad_cam"] == {}
    assert "'grad_cam' is claimed by" in content["grad_cam_error"]


@pytest.mark.parametrize(
    ("maps", "problem"),
    [
        (lambda images: np.zeros((1, 2, 3)), r"expected maps of shape \(14, 32, 32\), received \(1, 2, 3\)"),
        (lambda images: np.full(images.shape[:3], 2.0), "expected maps from 0 to 1, received 2 to 2"),
        (lambda images: np.full(images.shape[:3], np.nan), "expected maps from 0 to 1, received nan to nan"),
    ],
)
def test_what_is_no_map_is_named(tmp_path, monkeypatch, maps, problem):
    monkeypatch.setattr("cnnforge_explain.grad_cam.grad_cam", lambda model, images, classes: maps(images))
    _, content = write(tmp_path, networks.functional(2))
    assert content["grad_cam"] == {}
    assert re.search(problem, content["grad_cam_error"])


def test_exchanged_labels_are_suspected_where_the_network_was_not_trained(tmp_path):
    _, content = write(tmp_path / "a", networks.functional(2))
    found = content["label_errors"]
    assert (found["num_images"], found["num_suspects"]) == (NUM_IMAGES, 2)
    assert found["suspects"][0] == {
        "name": "Cat/0.jpg",
        "label": "dog",
        "label_probability": pytest.approx(0.01),
        "suggested": "cat",
        "suggested_probability": pytest.approx(0.99),
    }
    assert "label_errors" not in write(tmp_path / "b", networks.functional(2), split="train")[1]


def test_a_network_without_convolution_says_why_it_has_no_grad_cam(tmp_path):
    _, content = write(tmp_path, networks.without_convolution(2))
    assert content["grad_cam"] == {}
    assert "expected a network with a convolution" in content["grad_cam_error"]


def test_what_was_there_is_replaced(tmp_path):
    write(tmp_path, networks.functional(2))
    (tmp_path / "examples" / "old.jpg").write_bytes(b"")
    write(tmp_path, networks.functional(2))
    assert not (tmp_path / "examples" / "old.jpg").exists()
