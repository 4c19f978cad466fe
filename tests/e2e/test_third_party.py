"""A package from elsewhere, with broken ones installed beside it: everything of the sound one works."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import keras
import pytest

from tests.conftest import Site
from tests.unit.test_docs import PAGES

pytestmark = pytest.mark.slow

SOUND = """
import cnnforge


class StripesOptions(cnnforge.Options):
    count: int = 120


class TinyOptions(cnnforge.Options):
    units: int = 8


@cnnforge.hookimpl
def cnnforge_architectures():
    yield cnnforge.ArchitectureSpec(
        name="tiny", summary="a tiny network", build="acme:build", options=TinyOptions, input_shape=(24, 24, 3)
    )


@cnnforge.hookimpl
def cnnforge_data_sources():
    yield cnnforge.DataSourceSpec(name="stripes", summary="stripes", open="acme:open_stripes", options=StripesOptions)


@cnnforge.hookimpl
def cnnforge_callbacks(run):
    import keras

    class Witness(keras.callbacks.Callback):
        def on_train_end(self, logs=None):
            (run.directory.path / "witness.txt").write_text(run.resolved.recipe.architecture.name)

    yield Witness()


@cnnforge.hookimpl
def cnnforge_run_ended(run):
    status = run.directory.read_run()["status"]
    (run.directory.path / "ended.txt").write_text(f"{status} {run.directory.report.is_file()}")
    yield "Acme     thanks you"


def build(options, *, input_shape, num_classes):
    import keras

    inputs = keras.Input(input_shape)
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Conv2D(options.units, 3, activation="relu")(x)
    x = keras.layers.Flatten()(x)
    return keras.Model(inputs, cnnforge.head(x, num_classes))


def open_stripes(options):
    return cnnforge.LabelledImages(
        class_names=("across", "down"),
        names=[f"stripes/{i}" for i in range(options.count)],
        labels=[i % 2 for i in range(options.count)],
        read=read,
        location="stripes drawn on demand",
    )


def read(index):
    import numpy as np

    image = np.random.default_rng(index).integers(0, 100, (24, 24, 3), np.uint8)
    image[::4] += 150
    return image if index % 2 == 0 else np.ascontiguousarray(image.swapaxes(0, 1))
"""

BROKEN = {
    "raises": "raise RuntimeError('no luck')",
    "exits": "raise SystemExit(3)",
    "misspells": "import cnnforge\n@cnnforge.hookimpl\ndef cnnforge_architecture():\n    return []\n",
    "thief": (
        "import cnnforge\n@cnnforge.hookimpl\ndef cnnforge_architectures():\n"
        "    yield cnnforge.ArchitectureSpec(name='catsdogs_cnn', summary='mine now', build='thief:build')\n"
    ),
}


def cnnforge(site: Site, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": str(site.path)}
    command = [sys.executable, "-m", "cnnforge", *arguments]
    return subprocess.run(command, cwd=site.path, env=environ, capture_output=True, text=True, timeout=300)


def test_a_package_from_elsewhere_runs_beside_broken_ones(site: Site) -> None:
    site.install("acme", SOUND)
    for name, source in BROKEN.items():
        site.install(name, source)

    listed = cnnforge(site, "list", "--json")
    names = {(item["name"], item["plugin"], item["is_conflict"]) for item in json.loads(listed.stdout)}
    assert {("tiny", "acme:main", False), ("stripes", "acme:main", False)} <= names
    assert {("catsdogs_cnn", "cnnforge:catsdogs", True), ("catsdogs_cnn", "thief:main", True)} <= names
    for name in ("raises", "exits", "misspells"):
        assert f"plugin {name}:main is broken" in listed.stderr

    options = ["--architecture", "tiny", "--set", "data.source=stripes", "--set", "data.image_size=[24,24]"]
    options += ["--set", "training.epochs=3", "--set", "architecture.units=4", "--name", "r", "--json"]
    done = cnnforge(site, "run", "directory-cnn", *options)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["accuracy"] > 0.9
    assert (site.path / "runs" / "r" / "witness.txt").read_text() == "tiny"
    assert (site.path / "runs" / "r" / "ended.txt").read_text() == "finished True"
    failed = cnnforge(
        site, "run", "directory-cnn", *options[:-3], "--set", "training.learning_rate=1e30", "--name", "f"
    )
    assert failed.returncode == 5, failed.stderr
    assert (site.path / "runs" / "f" / "ended.txt").read_text() == "failed True"
    assert "Acme     thanks you" in failed.stdout

    conflict = cnnforge(site, "run", "catsdogs")
    assert conflict.returncode == 4
    assert "cnnforge:catsdogs and thief:main" in conflict.stderr
    assert "CNNFORGE_DISABLE_PLUGINS=thief:main" in conflict.stderr


FROM_A_FILE = """
from pathlib import Path

import cnnforge

class Options(cnnforge.Options):
    path: Path = Path("model.keras")

@cnnforge.hookimpl
def cnnforge_architectures():
    yield cnnforge.ArchitectureSpec(
        name="from_a_file", summary="a model of somebody else's", build="borrowed_model:build", options=Options
    )
"""


def test_a_model_file_becomes_an_architecture_as_the_guide_says(site: Site) -> None:
    section = PAGES["docs/guides/write-an-architecture.md"].split("## From a model file")[1]
    code = section.split("```python\n")[1].split("```")[0]
    (site.path / "borrowed_model.py").write_text(f"import cnnforge\nimport keras\n\n{code}", encoding="utf-8")
    site.install("borrowed", FROM_A_FILE)
    inputs = keras.Input((24, 24, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(5, activation="softmax")(x))
    model.save(site.path / "model.keras")
    site.install("acme", SOUND)
    options = ["--architecture", "from_a_file", "--set", "data.source=stripes", "--set", "data.image_size=[24,24]"]
    options += ["--set", "training.epochs=1", "--name", "r", "--json"]
    done = cnnforge(site, "run", "directory-cnn", *options)
    assert done.returncode == 0, done.stderr
    (site.path / "model.keras").write_bytes(b"something else")
    refused = cnnforge(site, "evaluate", "r")
    assert refused.returncode == 7, refused.stderr
    assert f"received {site.path / 'model.keras'}: another kind of file" in refused.stderr
