"""Frozen backbones run once: the same result as in every epoch, kept on disk, and only where that is right."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Annotated, Literal

import keras
import numpy as np
import pytest

import cnnforge
from cnnforge import Field
from cnnforge.data.preparing import open_source, prepare
from cnnforge.errors import PluginError
from cnnforge.host.plugin_host import PluginHost
from cnnforge.host.registry import Registry
from cnnforge.network.building import build_model, compiled_model
from cnnforge.network.weights import load_weights
from cnnforge.recipe.loading import load_recipe
from cnnforge.recipe.resolving import ResolvedRecipe, resolve
from cnnforge.running.naming import create_run_dir
from cnnforge.running.run import execute
from cnnforge.running.run_dir import Run, RunDir
from cnnforge.system.reporter import Reporter
from cnnforge.training import backbone
from cnnforge.training.backbone import run_backbone_once
from cnnforge.training.feeds import make_feeds


class FrozenOptions(cnnforge.Options):
    frozen: bool = True
    kind: Annotated[Literal["plain", "random"], Field(description="of layers in the backbone")] = "plain"
    dropout: float = 0.3


def build(options: FrozenOptions, *, input_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    inputs = keras.Input(input_shape)
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    x = keras.layers.Conv2D(8, 3, activation="relu")(x)
    x = keras.layers.BatchNormalization()(x)
    if options.kind == "random":
        x = keras.layers.GaussianNoise(0.1)(x)
    x = keras.layers.GlobalAveragePooling2D(name="features")(x)
    keras.Model(inputs, x).trainable = not options.frozen
    x = keras.layers.Dense(8, activation="relu")(keras.layers.Dropout(options.dropout)(x))
    return keras.Model(inputs, cnnforge.head(x, num_classes))


SPEC = cnnforge.ArchitectureSpec(
    name="with_backbone", summary="s", build=f"{__name__}:build", options=FrozenOptions, input_shape=(24, 24, 3),
    backbone="features",
)  # fmt: skip
WRONG = dataclasses.replace(SPEC, name="wrong", backbone="trunk")
WITHOUT = dataclasses.replace(SPEC, name="without", backbone=None)


class FailOnce(keras.callbacks.Callback):
    """Ends a run within its second epoch, the first time it is asked to."""

    is_due = False

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if FailOnce.is_due and (self.epoch, batch) == (1, 1):
            FailOnce.is_due = False
            raise RuntimeError("on purpose")


class Plugin:
    @cnnforge.hookimpl
    def cnnforge_callbacks(self) -> list[keras.callbacks.Callback]:
        return [FailOnce()]

    @cnnforge.hookimpl
    def cnnforge_architectures(self) -> list[cnnforge.ArchitectureSpec]:
        return [SPEC, WITHOUT, WRONG]


class Listener(Reporter):
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def say(self, text: str) -> None:
        self.lines.append(text)

    finish = say

    def about_backbone(self) -> list[str]:
        return [line for line in self.lines if line.startswith("Backbone")]


@pytest.fixture(scope="module")
def registry() -> Registry:
    host = PluginHost.discover({"CNNFORGE_LOAD_PLUGINS": ""})
    host.register(Plugin(), "test:backbone")
    return Registry(host)


def resolved(registry: Registry, data: Path, *settings: str, architecture: str = "with_backbone") -> ResolvedRecipe:
    overrides = [f"data.path={json.dumps(str(data))}", "training.batch_size=8", "training.precision=float32"]
    overrides += ["data.image_size=[24,24]", *settings]
    return resolve(load_recipe("directory-cnn", registry, overrides, architecture=architecture), registry)


def train(
    registry: Registry, data: Path, folder: Path, *settings: str, architecture: str = "with_backbone"
) -> tuple[RunDir, Listener]:
    found = resolved(registry, data, "training.epochs=4", *settings, architecture=architecture)
    images = open_source(found)
    directory, listener = create_run_dir(found, folder, architecture), Listener()
    execute(Run(directory, found), images, registry, listener)
    return directory, listener


def metrics(directory: RunDir) -> list[list[float]]:
    lines = [json.loads(line) for line in directory.metrics.read_text(encoding="utf-8").splitlines()]
    return [[line[name] for name in ("loss", "val_loss", "accuracy", "val_accuracy")] for line in lines]


@pytest.mark.parametrize("settings", [[], ["training.class_balance=sampling"], ["training.precision=bfloat16"]])
def test_the_result_is_that_of_running_it_in_every_epoch(
    registry: Registry, tiny_images: Path, tmp_path: Path, settings: list[str]
) -> None:
    once, listener = train(registry, tiny_images, tmp_path, *settings)
    always, _ = train(registry, tiny_images, tmp_path, *settings, architecture="without")
    (line,) = listener.about_backbone()
    assert re.fullmatch(r"Backbone frozen: 8 features of \d+ images computed once, in \d+ s; the head trains .*", line)
    np.testing.assert_allclose(metrics(once), metrics(always), rtol=1e-3 if settings else 1e-5, atol=1e-6)
    models = [build_model(resolved(registry, tiny_images, architecture=a), 3) for a in ("with_backbone", "without")]
    for model, directory in zip(models, (once, always), strict=True):
        load_weights(model, directory.best_weights)  # the whole network's, in its order
    for ours, theirs in zip(models[0].weights, models[1].weights, strict=True):
        np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=1e-2 if settings else 1e-4, atol=1e-5)


def test_the_saved_model_is_the_whole_network(registry: Registry, tiny_images: Path, tmp_path: Path) -> None:
    directory, _ = train(registry, tiny_images, tmp_path)
    model = keras.saving.load_model(directory.model)
    assert model.input_shape == (None, 24, 24, 3)
    assert directory.read_run()["seconds"]["features"] > 0


def test_callbacks_of_keras_save_the_whole_network_too(registry: Registry, tiny_images: Path, tmp_path: Path) -> None:
    callback = f'{{name = "ModelCheckpoint", filepath = "{(tmp_path / "kept.keras").as_posix()}"}}'
    train(registry, tiny_images, tmp_path, f"training.callbacks=[{callback}]", "training.epochs=1")
    assert keras.saving.load_model(tmp_path / "kept.keras").input_shape == (None, 24, 24, 3)


def test_a_run_that_ends_within_an_epoch_goes_on_with_the_features(
    registry: Registry, tiny_images: Path, tmp_path: Path
) -> None:
    whole, _ = train(registry, tiny_images, tmp_path / "whole", "training.checkpoint_steps=1")
    FailOnce.is_due = True
    with pytest.raises(RuntimeError, match="on purpose"):
        train(registry, tiny_images, tmp_path / "broken", "training.checkpoint_steps=1")
    found = resolved(registry, tiny_images, "training.epochs=4", "training.checkpoint_steps=1")
    resumed, listener = RunDir(tmp_path / "broken" / "with_backbone"), Listener()
    execute(Run(resumed, found), open_source(found), registry, listener)
    assert [line for line in listener.lines if line.startswith("Resume")] == ["Resume   after 1 epochs and 1 batches"]
    assert metrics(resumed) == metrics(whole)


def run_once(registry: Registry, data: Path, *settings: str) -> tuple[keras.Model, bool, Listener]:
    """Build and split; return the model, whether another is trained in its place, and what was said."""
    found, listener = resolved(registry, data, *settings), Listener()
    prepared = prepare(found, open_source(found), lambda done, total: None)
    feeds = make_feeds(found, prepared)
    model = compiled_model(found, 3, len(feeds["train"]), "float32")
    trained, trained_feeds = run_backbone_once(model, found, prepared, feeds, listener)
    assert (trained is model) == (trained_feeds is feeds)
    return model, trained is not model, listener


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("architecture.frozen=false", []),
        ("training.augmentation.flip=horizontal", ["augmentation varies the images"]),
        ("architecture.kind=random", ["it has layers that are random in training"]),
    ],
)
def test_a_backbone_whose_features_change_runs_in_every_epoch(
    registry: Registry, tiny_images: Path, setting: str, said: list[str]
) -> None:
    _, is_split, listener = run_once(registry, tiny_images, setting)
    assert not is_split
    assert listener.about_backbone() == [f"Backbone frozen, and run in every epoch all the same: {s}" for s in said]


def test_a_backbone_that_is_no_layer_is_the_plugins_fault(
    registry: Registry, tiny_images: Path, tmp_path: Path
) -> None:
    with pytest.raises(PluginError, match="architecture 'wrong' of plugin test:backbone: expected the layer 'trunk'"):
        train(registry, tiny_images, tmp_path, architecture="wrong")


def features_folder() -> Path:
    return cnnforge.cache_dir() / "features"


@pytest.mark.parametrize(
    ("setting", "is_known"),
    [
        ("training.epochs=3", True),
        ("architecture.dropout=0.1", True),
        ("training.seed=1", False),
        ("data.image_size=[20,20]", False),
        ("data.interpolation=nearest", False),
        ("data.split_seed=3", False),
    ],
)
def test_features_are_computed_again_when_anything_they_depend_on_changes(
    registry: Registry, tiny_images: Path, setting: str, is_known: bool
) -> None:
    run_once(registry, tiny_images)
    _, _, listener = run_once(registry, tiny_images, setting)
    assert ("computed before" in listener.about_backbone()[0]) == is_known


@pytest.mark.parametrize("content", [b"", b"no features", None])
def test_damaged_features_are_computed_again(registry: Registry, tiny_images: Path, content: bytes | None) -> None:
    run_once(registry, tiny_images)
    (path,) = features_folder().glob("*.npy")
    sound = path.read_bytes()
    path.write_bytes(sound[:-100] if content is None else content)
    _, _, listener = run_once(registry, tiny_images)
    assert "computed once" in listener.about_backbone()[0]
    assert path.read_bytes() == sound


def test_features_of_the_same_size_that_changed_are_computed_again(registry: Registry, tiny_images: Path) -> None:
    run_once(registry, tiny_images)
    (path,) = features_folder().glob("*.npy")
    sound = path.read_bytes()
    values = np.load(path)
    spoilt = [values[::-1], np.where(np.arange(len(values))[:, None] % 2, values, 0), values + 1e-6]
    for content in spoilt:
        np.save(path, content.astype("<f4"))
        path.write_bytes(path.read_bytes().ljust(len(sound), b"\0"))
        _, _, listener = run_once(registry, tiny_images)
        assert "computed once" in listener.about_backbone()[0]
        assert listener.warnings == ["The features kept on disk are damaged, or without a checksum: computed anew"]
        assert path.read_bytes() == sound
    path.with_suffix(".xxh3").unlink()  # as of before
    _, _, listener = run_once(registry, tiny_images)
    assert listener.warnings
    assert path.with_suffix(".xxh3").exists()


def test_only_the_latest_features_are_kept(registry: Registry, tiny_images: Path) -> None:
    for side in range(20, 20 + backbone._MAX_KEPT + 2):
        run_once(registry, tiny_images, f"data.image_size=[{side},20]")
    assert len(list(features_folder().glob("*.npy"))) == backbone._MAX_KEPT


def test_a_checkpoint_holds_the_variables_of_the_whole_network(registry: Registry, tiny_images: Path) -> None:
    whole = build_model(resolved(registry, tiny_images), 3)
    trained = backbone.OnFeatures(whole, backbone.split_at(whole, "features")[1])
    assert [id(v) for v in trained.variables] == [id(v) for v in whole.variables]
    assert [id(v) for v in trained.trainable_variables] == [id(v) for v in whole.trainable_variables]
