"""Small runs that are complete and were never trained, for tests of what is done with trained ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import keras

from cnnforge.data import open_source, prepare
from cnnforge.host import Registry
from cnnforge.network import build_network, save_weights
from cnnforge.recipe import ResolvedRecipe, load_recipe, resolve
from cnnforge.runs import RunDir, TrainedRun, create_run_dir, load_trained_run

_SETTINGS = (
    "data.image_size=[24, 20]",
    "data.test_fraction=0.3",
    "architecture.filters=[4, 8]",
    "architecture.dense_units=8",
)


def untrained_run(resolved: ResolvedRecipe, folder: Path, class_names: Sequence[str]) -> RunDir:
    """Write the run directory of a network with random weights, the same every time.

    Args:
        resolved: The recipe.
        folder: Where to; the run is called ``run``.
        class_names: In the order of the network's outputs.
    """
    directory = create_run_dir(resolved, folder, "run")
    keras.utils.set_random_seed(1)
    model = build_network(
        resolved.architecture, resolved.architecture_options, resolved.input_shape, len(class_names), policy="float32"
    )
    weights = directory.checkpoints / "best-0001.npz"
    digest = save_weights(model, weights)
    directory.update_run(
        data={"class_names": list(class_names)}, weights={"file": weights.name, "sha256": digest}, best_epoch=1
    )
    return directory


def tiny_run(registry: Registry, images: Path, folder: Path) -> TrainedRun:
    """Return a run of class folders of images, with their manifest.

    Args:
        registry: Of the built-in plugins.
        images: A folder for each class.
        folder: Where to write it.
    """
    overrides = [f"data.path={json.dumps(str(images))}", *_SETTINGS]
    resolved = resolve(load_recipe("directory-cnn", registry, overrides), registry)
    manifest = prepare(resolved, open_source(resolved), lambda _, __: None).manifest
    directory = untrained_run(resolved, folder, manifest.class_names)
    manifest.write(directory.manifest)
    directory.update_run(data=manifest.summary())
    return load_trained_run(directory, registry)
