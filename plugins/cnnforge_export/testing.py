"""The contract of export formats, to subclass, and runs that were never trained to try them on."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, ClassVar

import keras
import pytest

from cnnforge.data import open_source, prepare
from cnnforge.errors import CnnforgeError
from cnnforge.host import ArchitectureSpec, Entry, ExportFormatSpec, Options, PluginHost, Registry
from cnnforge.network import build_network, save_weights, trained_model
from cnnforge.recipe import ResolvedRecipe, load_recipe, resolve
from cnnforge.running import RunDir, TrainedRun, create_run_dir, load_trained_run
from cnnforge.system import Reporter
from cnnforge.testing import COLORS, UNDER_TEST, Network, PluginContract, fail, plugin_checks
from cnnforge_export.export import export

_SETTINGS = (
    "data.image_size=[24, 20]",
    "data.test_fraction=0.3",
    "architecture.filters=[4, 8]",
    "architecture.dense_units=8",
)
_WITHOUT_CNNFORGE = (
    "import runpy, sys; runpy.run_path('classify.py', run_name='__main__');"
    "sys.exit(any(name.partition('.')[0] == 'cnnforge' for name in sys.modules))"
)


class ExportFormatContract(PluginContract):
    """What every export format must keep. Subclass it in a class whose name starts with ``Test``, and set ``spec``.

    Attributes:
        spec: The format, as the plugin's hook returns it.
        options: Options that differ from the defaults, as a recipe would write them; {} by default.
    """

    spec: ClassVar[ExportFormatSpec]
    options: ClassVar[dict[str, Any]] = {}

    @pytest.mark.parametrize("num_classes", [2, 3])
    def test_an_export_passes_the_gate(
        self, num_classes: int, tiny_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = self.exported(num_classes, tiny_images, tmp_path, monkeypatch)
        check_script_alone(folder)

    def exported(self, num_classes: int, images: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """Return the folder of an export of a small network of that many classes; the test fails if it is refused."""
        _prepare(self.spec, folder, monkeypatch)
        for name in list(COLORS)[num_classes:]:
            shutil.rmtree(images / name)
        registry = Registry(PluginHost.discover({"CNNFORGE_LOAD_PLUGINS": ""}))
        out, options = folder / "export", plugin_checks.restored(self.spec.options, self.options)
        trained = tiny_run(registry, images, folder)
        try:
            export(trained, Entry(self.spec, UNDER_TEST), options, out, Reporter())
        except CnnforgeError as error:
            fail(
                f"{error}\nwith {options!r} and {num_classes} classes",
                error.hint or "write a model that gives the probability of every class, and a script that prints it",
                error,
            )
        return out


class ArchitectureExportContract(PluginContract):
    """Every architecture can be exported, in the formats and with the scripts that users get.

    Attributes:
        spec: The architecture, as the plugin's hook returns it.
        options: Options that differ from the defaults, as a recipe would write them; {} by default.
        input_shape: Height, width and channels to build for; None, the default, is the spec's.
    """

    spec: ClassVar[ArchitectureSpec]
    options: ClassVar[dict[str, Any]] = {}
    input_shape: ClassVar[tuple[int, int, int] | None] = None

    @pytest.mark.parametrize("name", ["saved-model", "onnx", "litert", "keras"])
    def test_can_be_exported(
        self, name: str, tiny_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if keras.backend.backend() != "tensorflow":
            pytest.skip("networks are exported on the TensorFlow backend")
        registry = Registry(PluginHost.discover({"CNNFORGE_LOAD_PLUGINS": ""}))
        entry = registry.catalogue(ExportFormatSpec).get(name)
        _prepare(entry.spec, tmp_path, monkeypatch)
        options = plugin_checks.restored(self.spec.options, self.options)
        try:
            trained = tiny_run(registry, tiny_images, tmp_path, self._network(options))
            export(trained, entry, entry.spec.options(), tmp_path / "export", Reporter())
        except Exception as error:  # anybody's layers
            hint = getattr(error, "hint", "")
            remedy = "compute with keras.ops and layers alone: what NumPy does is no part of the graph"
            fail(f"as {name}: {type(error).__name__}: {error}", f"{remedy}; {hint}" if hint else remedy, error)

    def _network(self, options: Options) -> Network:
        return Network(self.spec, options, self.input_shape or self.spec.input_shape)


def _prepare(spec: ExportFormatSpec, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip a test whose format needs what is not installed, and keep it from the user's cache and GPU."""
    for name in spec.packages:
        try:
            distribution(name)
        except PackageNotFoundError:
            pytest.skip(f"{name} is not installed")
    monkeypatch.setenv("CNNFORGE_CACHE_DIR", str(folder / "cache"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")


def check_script_alone(folder: Path) -> None:
    """Check that the script of an export works in another place, and without CNNForge."""
    with (folder / "golden" / "expected.csv").open(encoding="utf-8", newline="") as file:
        expected = [(row["file"], row["predicted"]) for row in csv.DictReader(file)]
    elsewhere = folder.rename(folder.with_name("elsewhere"))
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_CNNFORGE, *(name for name, _ in expected)],
        cwd=elsewhere,
        env={**os.environ, "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    if done.returncode:
        fail(
            f"the script fails where it is shipped to, or imports CNNForge:\n{done.stderr}",
            "find the model and export.json beside the script (Path(__file__).parent), and import nothing of CNNForge",
        )
    printed = [(row[0], row[1]) for row in list(csv.reader(done.stdout.splitlines()))[1:]]
    if [name for name, _ in printed] != [name for name, _ in expected]:
        fail("the script prints other lines than one for each image", "print a line for each image, in their order")


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


def tiny_run(registry: Registry, images: Path, folder: Path, network: Network | None = None) -> TrainedRun:
    """Return a run of class folders of images, with their manifest.

    Args:
        registry: Of the built-in plugins.
        images: A folder for each class.
        folder: Where to write it.
        network: Another network than a small classic one.
    """
    overrides = [f"data.path={json.dumps(str(images))}", *_SETTINGS]
    if network is not None:
        height, width, channels = network.input_shape
        color_mode = "grayscale" if channels == 1 else "rgb"
        overrides += [f"data.image_size=[{height}, {width}]", f'data.color_mode="{color_mode}"']
    resolved = resolve(load_recipe("directory-cnn", registry, overrides), registry)
    if network is not None:
        entry = Entry(network.spec, UNDER_TEST)
        resolved = replace(resolved, architecture=entry, architecture_options=network.options)
    manifest = prepare(resolved, open_source(resolved), lambda _, __: None).manifest
    directory = untrained_run(resolved, folder, manifest.class_names)
    manifest.write(directory.manifest)
    directory.update_run(data=manifest.summary())
    if network is None:
        return load_trained_run(directory, registry)
    sha256 = directory.read_run()["weights"]["sha256"]
    model = trained_model(resolved, len(manifest.class_names), directory.best_weights, sha256)
    return TrainedRun(directory, resolved, tuple(manifest.class_names), model)
