"""Fine-tuning: after the head has learned, the backbone learns too, and is resumed like anything else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from cnnforge.data.preparing import open_source
from cnnforge.errors import RecipeError
from cnnforge.host.registry import Registry
from cnnforge.network.arrays import read_arrays
from cnnforge.network.building import build_model
from cnnforge.recipe.loading import load_recipe
from cnnforge.recipe.resolving import resolve
from cnnforge.report.run_files import read_run_files
from cnnforge.running.checkpoints import newest_checkpoint
from cnnforge.running.run import execute
from cnnforge.running.run_dir import Run, RunDir
from cnnforge.training.phase import let_backbone_learn, phases
from tests.unit.training.test_backbone import (
    FailOnce,
    Listener,
    registry as registry,  # a fixture
    resolved,
    train,
)

pytestmark = pytest.mark.slow

TUNED = ("training.epochs=1", "training.fine_tuning={epochs=2, learning_rate=1e-3}", "training.checkpoint_steps=1")


def lines_of(directory: RunDir) -> list[dict[str, Any]]:
    return [json.loads(line) for line in directory.metrics.read_text(encoding="utf-8").splitlines()]


def final_state(directory: RunDir) -> dict[str, np.ndarray]:
    found = newest_checkpoint(directory.checkpoints, lambda text: None)
    assert found is not None
    return {name: value for name, value in read_arrays(found.state).items() if not name.startswith("metrics")}


def test_the_phases_of_a_recipe_are_its_own_settings_and_those_of_fine_tuning(
    registry: Registry, tiny_images: Path
) -> None:
    (only,) = phases(resolved(registry, tiny_images, "training.epochs=4"))
    assert (only.first_epoch, only.last_epoch) == (0, 4)
    settings = ["training.epochs=4", "training.fine_tuning={epochs=3, augmentation='light'}"]
    first, second = phases(resolved(registry, tiny_images, *settings))
    assert (first.last_epoch, second.first_epoch, second.last_epoch) == (4, 4, 7)
    assert not first.resolved.recipe.training.augmentation.is_on
    assert second.resolved.recipe.training.augmentation.is_on
    assert second.resolved.recipe.training.learning_rate == 1e-5


def test_the_head_learns_first_and_then_the_backbone_too(registry: Registry, tiny_images: Path, tmp_path: Path) -> None:
    head_only, _ = train(registry, tiny_images, tmp_path / "head", "training.epochs=1", "training.checkpoint_steps=1")
    tuned, listener = train(registry, tiny_images, tmp_path / "tuned", *TUNED)
    assert [line["epoch"] for line in lines_of(tuned)] == [1, 2, 3]
    assert [round(line["learning_rate"], 6) for line in lines_of(tuned)] == [0.001, 0.001, 0.001]
    assert lines_of(tuned)[0]["loss"] == lines_of(head_only)[0]["loss"]
    once, learning = listener.about_backbone()
    assert "computed" in once
    assert learning == "Backbone 1 layer learns too from here on, at a learning rate of 0.001"
    assert read_run_files(tuned.path, registry).planned_epochs == 3
    assert "- fine tuning: epochs 2, learning_rate 0.001" in tuned.model_card.read_text(encoding="utf-8")
    before, after = final_state(head_only), final_state(tuned)
    changed = {name.split(" ", 1)[1].split("/")[-1] for name in before if name in after and name.startswith("model")
               and not np.array_equal(before[name], after[name])}  # fmt: skip
    model = build_model(resolved(registry, tiny_images), 3)
    moving = {variable.path.split("/")[-1] for variable in model.layers[3].variables}
    assert moving == {"gamma", "beta", "moving_mean", "moving_variance"}
    assert "kernel" in changed
    assert not changed & moving


def test_fine_tuning_that_is_interrupted_goes_on_to_the_same_bits(
    registry: Registry, tiny_images: Path, tmp_path: Path
) -> None:
    whole, _ = train(registry, tiny_images, tmp_path / "whole", *TUNED)
    FailOnce.is_due = True  # in the second epoch, which is the first of fine-tuning
    with pytest.raises(RuntimeError, match="on purpose"):
        train(registry, tiny_images, tmp_path / "broken", *TUNED)
    resumed, listener = RunDir(tmp_path / "broken" / "with_backbone"), Listener()
    found = newest_checkpoint(resumed.checkpoints, lambda text: None)
    assert found is not None
    assert (found.phase, found.epoch, found.batch) == (1, 1, 1)
    go_on(registry, resumed, tiny_images, listener)
    assert [line for line in listener.lines if line.startswith("Resume")] == ["Resume   after 1 epochs and 1 batches"]
    same_as(resumed, whole)


def test_a_run_that_ends_between_the_phases_goes_on_to_the_same_bits(
    registry: Registry, tiny_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = train(registry, tiny_images, tmp_path / "whole", *TUNED)

    def fail(*arguments: Any) -> None:
        raise RuntimeError("on purpose")

    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="on purpose"):
        patch.setattr("cnnforge.running.fitting.let_backbone_learn", fail)
        train(registry, tiny_images, tmp_path / "broken", *TUNED)
    resumed = RunDir(tmp_path / "broken" / "with_backbone")
    assert [line["epoch"] for line in lines_of(resumed)] == [1]
    go_on(registry, resumed, tiny_images, Listener())
    same_as(resumed, whole)


def go_on(registry: Registry, directory: RunDir, data: Path, listener: Listener) -> None:
    found = resolved(registry, data, *TUNED)
    execute(Run(directory, found), open_source(found), registry, listener)


def same_as(resumed: RunDir, whole: RunDir) -> None:
    for name in ("loss", "val_loss", "accuracy", "val_accuracy"):
        assert [line[name] for line in lines_of(resumed)] == [line[name] for line in lines_of(whole)]
    ours, theirs = final_state(resumed), final_state(whole)
    assert len(ours) == len(theirs)
    for one, other in zip(ours.values(), theirs.values(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_last_layers_alone_can_learn() -> None:
    inputs = keras.Input((16, 16, 3))
    inner = keras.Sequential([keras.Input((16, 16, 3)), *(keras.layers.Conv2D(4, 3) for _ in range(3))])
    x = keras.layers.BatchNormalization()(inner(inputs))
    x = keras.layers.GlobalAveragePooling2D(name="features")(x)
    keras.Model(inputs, x).trainable = False
    model = keras.Model(inputs, keras.layers.Dense(1)(x))
    assert let_backbone_learn(model, "features", 2) == 1  # the last is batch normalization, which never learns
    assert [layer.trainable for layer in inner.layers] == [False, False, True]
    assert len(model.trainable_variables) == 4
    assert let_backbone_learn(model, "features", None) == 3


def test_an_architecture_without_a_backbone_cannot_be_fine_tuned(registry: Registry, tiny_images: Path) -> None:
    overrides = [f"data.path={json.dumps(str(tiny_images))}", "training.fine_tuning={epochs=2}"]
    with pytest.raises(RecipeError, match=r"training.fine_tuning: expected an architecture with a backbone"):
        resolve(load_recipe("directory-cnn", registry, overrides), registry)


def test_a_schedule_that_does_not_fit_fine_tuning_is_refused_before_anything_is_trained(
    registry: Registry, tiny_images: Path, tmp_path: Path
) -> None:
    schedule = "training.schedule={name='cosine', warmup_epochs=3}"
    with pytest.raises(RecipeError, match=r"expected warmup_epochs below training\.epochs=2"):
        train(registry, tiny_images, tmp_path, "training.fine_tuning={epochs=2}", schedule)
    assert not (tmp_path / "with_backbone" / "metrics.jsonl").exists()
