"""Networks in any idiom of Keras train, and go on after an interruption to the same figures and weights to the bit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest

import cnnforge
from cnnforge.data.preparing import open_source
from cnnforge.host.plugin_host import PluginHost
from cnnforge.host.registry import Registry
from cnnforge.recipe.loading import load_recipe
from cnnforge.recipe.resolving import resolve
from cnnforge.running.naming import create_run_dir
from cnnforge.running.resuming import reopen
from cnnforge.running.run import execute
from cnnforge.running.run_dir import Run, RunDir
from cnnforge.system.reporter import Reporter
from cnnforge.testing.images import write_tiny_images
from tests.e2e.test_model_hooks import Stop, figures

pytestmark = pytest.mark.slow

IDIOMS = ("subclassed", "two_heads_subclassed", "own_loss", "draws_by_keras", "normalized")


def normalized(options: object, *, input_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    images = keras.Input(input_shape)
    x = keras.layers.Conv2D(4, 3)(keras.layers.Normalization()(images))
    return keras.Model(images, cnnforge.head(keras.layers.GlobalAveragePooling2D()(x), num_classes))


class Plugin:
    @cnnforge.hookimpl
    def cnnforge_architectures(self) -> Iterator[cnnforge.ArchitectureSpec]:
        for name in IDIOMS:
            module = __name__ if name == "normalized" else "tests.unit.testing.broken_networks"
            yield cnnforge.ArchitectureSpec(name=name, summary="s", build=f"{module}:{name}")

    @cnnforge.hookimpl
    def cnnforge_callbacks(self) -> list[keras.callbacks.Callback]:
        return [Stop()]


class Listener(Reporter):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


@pytest.mark.parametrize("name", IDIOMS)
def test_a_resumed_run_is_the_same_to_the_bit(name: str, tmp_path: Path) -> None:
    host = PluginHost.discover({"CNNFORGE_LOAD_PLUGINS": ""})
    host.register(Plugin(), "test:idioms")
    registry = Registry(host)
    data = write_tiny_images(tmp_path / "data")
    settings = ["data.image_size=[24,24]", "training.batch_size=8", "training.epochs=2"]
    settings += ["training.precision=float32", "training.checkpoint_steps=1", f"data.path={json.dumps(str(data))}"]
    found = resolve(load_recipe("directory-cnn", registry, settings, architecture=name), registry)
    said = Listener()

    def train(directory: RunDir) -> RunDir:
        execute(Run(directory, found), open_source(found), registry, said)
        return directory

    whole = train(create_run_dir(found, tmp_path, "whole"))
    Stop.is_due = True
    resumed = create_run_dir(found, tmp_path, "resumed")
    with pytest.raises(RuntimeError, match="on purpose"):
        train(resumed)
    reopen(resumed, found)
    train(resumed)
    assert figures(resumed) == figures(whole)
    with np.load(whole.best_weights) as one, np.load(resumed.best_weights) as other:
        for before, after in zip(one.values(), other.values(), strict=True):
            np.testing.assert_array_equal(before, after)
    assert whole.model.is_file()
    adapted = [line for line in said.lines if "Normalization layer adapted to" in line]
    assert len(adapted) == (2 if name == "normalized" else 0)  # not again where the run goes on
