"""What plugins do to a network between its building and its training: ``adapt`` and ``cnnforge_model_built``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import cnnforge
from cnnforge.data.preparing import open_source
from cnnforge.errors import PluginError
from cnnforge.host.plugin_host import PluginHost
from cnnforge.host.registry import Registry
from cnnforge.recipe.loading import load_recipe
from cnnforge.recipe.resolving import ResolvedRecipe, resolve
from cnnforge.running.checkpoints import newest_checkpoint_facts
from cnnforge.running.naming import create_run_dir
from cnnforge.running.recording import changed_conditions
from cnnforge.running.resuming import reopen
from cnnforge.running.run import execute
from cnnforge.running.run_dir import Run, RunDir
from cnnforge.system.reporter import Reporter
from cnnforge.training import precision
from tests.e2e.test_run import read_lines
from tests.faults.kills import TIMES

pytestmark = pytest.mark.slow

ADAPTED: list[np.ndarray] = []


class Options(cnnforge.Options):
    frozen: bool = False


def build(options: Options, *, input_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    inputs = keras.Input(input_shape)
    x = keras.layers.Normalization(name="normalization")(inputs)
    x = keras.layers.Conv2D(4, 3, activation="relu", name="convolution")(x)
    x = keras.layers.GlobalAveragePooling2D(name="features")(x)
    keras.Model(inputs, x).trainable = not options.frozen
    return keras.Model(inputs, cnnforge.head(x, num_classes))


def adapt(model: keras.Model, images: np.ndarray) -> None:
    ADAPTED.append(images)
    model.get_layer("normalization").adapt(images)


def fail(model: keras.Model, images: np.ndarray) -> None:
    raise KeyError("layer")


class Stop(keras.callbacks.Callback):
    """Ends a run within its second epoch, when it is told to."""

    is_due = False

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if Stop.is_due and (self.epoch, batch) == (1, 1):
            Stop.is_due = False
            raise RuntimeError("on purpose")


class Plugin:
    def __init__(self) -> None:
        self.models: list[keras.Model] = []
        self.lines = ["one", "two"]

    @cnnforge.hookimpl
    def cnnforge_architectures(self) -> Iterator[cnnforge.ArchitectureSpec]:
        common = {"summary": "s", "build": f"{__name__}:build", "options": Options, "backbone": "features"}
        yield cnnforge.ArchitectureSpec(name="adapts", adapt=f"{__name__}:adapt", **common)
        yield cnnforge.ArchitectureSpec(name="fails", adapt=f"{__name__}:fail", **common)

    @cnnforge.hookimpl
    def cnnforge_callbacks(self) -> list[keras.callbacks.Callback]:
        return [Stop()]

    @cnnforge.hookimpl
    def cnnforge_model_built(self, run: Run, model: keras.Model) -> list[str]:
        assert model.compiled
        assert run.directory.path.is_dir()
        self.models.append(model)
        return self.lines


class Listener(Reporter):
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture
def plugin() -> Plugin:
    ADAPTED.clear()
    return Plugin()


@pytest.fixture
def registry(plugin: Plugin) -> Registry:
    host = PluginHost.discover({"CNNFORGE_LOAD_PLUGINS": ""})
    host.register(plugin, "test:hooks")
    return Registry(host)


def resolved(registry: Registry, data: Path, *settings: str, architecture: str = "adapts") -> ResolvedRecipe:
    overrides = [f"data.path={json.dumps(str(data))}", "data.image_size=[24,24]", "training.batch_size=8"]
    overrides += ["training.epochs=2", "training.precision=float32", "training.checkpoint_steps=1", *settings]
    return resolve(load_recipe("directory-cnn", registry, overrides, architecture=architecture), registry)


def train(registry: Registry, data: Path, folder: Path, *settings: str, architecture: str = "adapts") -> RunDir:
    found = resolved(registry, data, *settings, architecture=architecture)
    directory = create_run_dir(found, folder, "r")
    execute(Run(directory, found), open_source(found), registry, Reporter())
    return directory


def go_on(directory: RunDir, registry: Registry, data: Path, *settings: str) -> list[str]:
    found, listener = resolved(registry, data, *settings), Listener()
    reopen(directory, found)
    execute(Run(directory, found), open_source(found), registry, listener)
    return listener.warnings


def train_and_stop(registry: Registry, data: Path, folder: Path, *settings: str) -> RunDir:
    Stop.is_due = True
    with pytest.raises(RuntimeError, match="on purpose"):
        train(registry, data, folder, *settings)
    return RunDir(folder / "r")


def figures(directory: RunDir) -> list[dict[str, float]]:
    return [{key: line[key] for key in line if key not in TIMES} for line in read_lines(directory.metrics)]


def conditions(directory: RunDir) -> dict[str, object]:
    return dict(newest_checkpoint_facts(directory.checkpoints)["conditions"])


def test_a_network_adapts_to_the_training_images_before_it_trains(
    registry: Registry, tiny_images: Path, tmp_path: Path
) -> None:
    directory = train(registry, tiny_images, tmp_path, "training.augmentation='strong'", "training.seed=5")
    (images,) = ADAPTED
    names = {line["name"] for line in read_lines(directory.manifest) if line.get("split") == "train"}
    pictures = [Image.open(tiny_images / name).convert("RGB").resize((24, 24), 2) for name in names]
    expected = {np.asarray(picture).tobytes() for picture in pictures}  # whole, unaugmented, each once
    assert images.dtype == np.uint8
    assert {image.tobytes() for image in images} == expected
    assert len(images) == len(names)
    layer = keras.saving.load_model(directory.model).get_layer("normalization")
    np.testing.assert_allclose(np.ravel(layer.mean), images.mean((0, 1, 2)), rtol=1e-4)


@pytest.mark.parametrize("settings", [[], ["architecture.frozen=true"]], ids=["whole", "frozen"])
def test_a_resumed_run_is_not_adapted_again_and_goes_on_to_the_same_bits(
    registry: Registry, tiny_images: Path, tmp_path: Path, settings: list[str]
) -> None:
    whole = train(registry, tiny_images, tmp_path / "whole", *settings)
    stopped = train_and_stop(registry, tiny_images, tmp_path / "stopped", *settings)
    assert len(ADAPTED) == 2
    np.testing.assert_array_equal(*ADAPTED)
    go_on(stopped, registry, tiny_images, *settings)
    assert len(ADAPTED) == 2
    assert figures(stopped) == figures(whole)
    assert stopped.predictions.read_bytes() == whole.predictions.read_bytes()


def test_a_network_that_cannot_adapt_is_the_plugins_fault(
    registry: Registry, tiny_images: Path, tmp_path: Path
) -> None:
    with pytest.raises(PluginError, match="architecture 'fails' of plugin test:hooks: adapt failed: KeyError: 'layer'"):
        train(registry, tiny_images, tmp_path, architecture="fails")


def test_what_plugins_change_of_the_steps_is_a_condition_of_the_run(
    registry: Registry, plugin: Plugin, tiny_images: Path, tmp_path: Path
) -> None:
    directory = train_and_stop(registry, tiny_images, tmp_path)
    assert len(plugin.models) == 1
    assert conditions(directory)["steps"]["test:hooks"] == ["one", "two"]
    plugin.lines = ["one"]
    (warning,) = (line for line in go_on(directory, registry, tiny_images) if "equal" in line)
    assert warning.endswith("last bit: steps.test:hooks: was ['one', 'two'], is ['one']")


def test_fine_tuning_asks_again(registry: Registry, plugin: Plugin, tiny_images: Path, tmp_path: Path) -> None:
    settings = ["training.fine_tuning={epochs=1, learning_rate=0.0001}", "training.epochs=1"]
    train(registry, tiny_images, tmp_path, "architecture.frozen=true", *settings)
    first, again = plugin.models
    assert first is again


def test_the_models_whose_speed_is_measured_are_changed_too(
    registry: Registry, plugin: Plugin, tiny_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "has_bfloat16", lambda: True)
    train(registry, tiny_images, tmp_path, "training.precision=auto", "training.epochs=1")
    policies = [model.get_layer("convolution").dtype_policy.name for model in plugin.models]
    assert policies[:3] == ["float32", "float32", "mixed_bfloat16"]  # to be recognised, and two to be measured
    assert len(policies) == 4


def test_steps_that_were_not_recorded_are_unknown_and_none_are_none() -> None:
    now = {"python": "3.13", "steps": {"p:q": ["one"]}}
    assert changed_conditions({"python": "3.13"}, now) == []
    assert changed_conditions({"python": "3.13", "steps": {}}, now) == ["steps.p:q: was nothing, is ['one']"]
    assert changed_conditions(now, {"python": "3.13", "steps": {}}) == ["steps.p:q: was ['one'], is nothing"]
