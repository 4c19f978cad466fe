"""Whole exports of small runs: every format says what the network says, and what does not is not left behind."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

from cnnforge.data.preparing import open_source
from cnnforge.errors import DataError, ExportError
from cnnforge.host import Entry
from cnnforge.host.plugin_host import PluginHost
from cnnforge.host.registry import Registry
from cnnforge.recipe.loading import load_recipe
from cnnforge.recipe.resolving import resolve
from cnnforge.running.naming import create_run_dir
from cnnforge.running.run import execute
from cnnforge.running.run_dir import Run
from cnnforge.running.trained_run import TrainedRun, load_trained_run
from cnnforge.system.reporter import Reporter
from cnnforge_export import LiteRTOptions, cnnforge_export_formats, export as exporting, golden, writers
from tests.e2e import residual

pytestmark = pytest.mark.slow

COMMON = ["training.epochs=1", "training.batch_size=16", "training.precision=float32", "data.test_fraction=0.25"]
RUNS = {
    "classic": [
        "data.image_size=[24, 20]", "architecture.filters=[4, 8]", "architecture.dense_units=16",
        "data.background=[10, 200, 90]",
    ],
    "residual": ["data.image_size=[24, 24]", "data.interpolation='lanczos'"],
    "grey": [
        "data.image_size=[20, 20]", "data.color_mode=grayscale", "data.interpolation='nearest'",
        "architecture.filters=[4]", "architecture.dense_units=8",
    ],
}  # fmt: skip
FORMATS = {spec.name: Entry(spec, "cnnforge:export") for spec in cnnforge_export_formats()}
QUANTIZATIONS = ["float16", "dynamic", "int8"]
NUM_CLASSES = {"classic": 2, "residual": 3, "grey": 2}
EXPORTS = [
    *(("classic", chosen) for chosen in FORMATS),
    *(("residual", chosen) for chosen in ("saved-model", "onnx", "litert")),
    *(("grey", chosen) for chosen in ("saved-model", "onnx")),
]


def make_photographs(folder: Path, num_classes: int, per_class: int = 40) -> None:
    """Write pictures of many sizes, some turned, some transparent, in which each class has its own colour."""
    generator = np.random.default_rng(0)
    for label in range(num_classes):
        (folder / f"class_{label}").mkdir(parents=True)
        for number in range(per_class):
            height, width = generator.integers(18, 120, 2)
            pixels = generator.integers(0, 120, (height // 4 + 1, width // 4 + 1, 3), np.uint8)
            pixels[..., label] += 120
            image = Image.fromarray(pixels).resize((width, height))
            exif = Image.Exif()
            exif[0x0112] = number % 8 + 1
            path = folder / f"class_{label}" / str(number)
            if number % 5 == 0:
                image.putalpha(Image.fromarray(generator.integers(0, 256, (height, width), np.uint8)))
                image.save(path.with_suffix(".png"))
            else:
                image.save(path.with_suffix(".jpg"), exif=exif, quality=92)


@pytest.fixture(scope="module")
def registry() -> Registry:
    host = PluginHost.discover({"CNNFORGE_LOAD_PLUGINS": ""})
    host.register(residual, "tests:residual")
    return Registry(host)


@pytest.fixture(scope="module")
def trained(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], TrainedRun]:
    """A function that returns one of the runs, trained the first time it is asked for."""
    folder = tmp_path_factory.mktemp("runs")
    known: dict[str, TrainedRun] = {}

    def get(name: str) -> TrainedRun:
        if name not in known:
            make_photographs(folder / f"data-{name}", NUM_CLASSES[name])
            overrides = [f"data.path={json.dumps(str(folder / f'data-{name}'))}", *COMMON, *RUNS[name]]
            architecture = "residual" if name == "residual" else None
            loaded = load_recipe("directory-cnn", registry, overrides, architecture=architecture)
            resolved = resolve(loaded, registry)
            directory = create_run_dir(resolved, folder, name)
            execute(Run(directory, resolved), open_source(resolved), registry, Reporter())
            known[name] = load_trained_run(directory, registry)
        return known[name]

    return get


def export(trained: TrainedRun, chosen: str, out: Path, **options: Any) -> dict[str, Any]:
    entry = FORMATS[chosen]
    return exporting.export(trained, entry, entry.spec.options(**options), out, Reporter())


@pytest.fixture(scope="module")
def exported(
    trained: Callable[[str], TrainedRun], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., tuple[Path, dict[str, Any]]]:
    """A function that returns the folder of an export and what it says of itself, made the first time."""
    folder = tmp_path_factory.mktemp("exports")
    known: dict[Path, dict[str, Any]] = {}

    def get(name: str, chosen: str, **options: Any) -> tuple[Path, dict[str, Any]]:
        out = folder / "-".join([name, chosen, *options.values()])
        if out not in known:
            known[out] = export(trained(name), chosen, out, **options)
        return out, known[out]

    return get


def read_csv(text: str) -> list[list[str]]:
    return list(csv.reader(text.splitlines()))


@pytest.mark.parametrize(("name", "chosen"), EXPORTS)
def test_every_format_says_what_the_network_says(name: str, chosen: str, exported: Any) -> None:
    folder, facts = exported(name, chosen)
    assert [check["checked"] for check in facts["checks"]] == ["pixels", "photographs", "image kinds"]
    for check in facts["checks"]:
        assert check["num_images"] > 10
        assert check["num_other_class"] == 0
        assert check["max_difference"] < 1e-5, check  # the gate allows more, for other machines and larger networks
    assert json.loads((folder / "export.json").read_text(encoding="utf-8")) == facts
    assert facts["class_names"] == [f"class_{label}" for label in range(NUM_CLASSES[name])]


@pytest.mark.parametrize("chosen", list(FORMATS))
def test_the_consumers_script_works_without_cnnforge(chosen: str, exported: Any, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(exported("classic", chosen)[0], tmp_path / "elsewhere"))
    expected = read_csv((folder / "golden/expected.csv").read_text(encoding="utf-8"))
    files = [row[0] for row in expected[1:]]
    code = (
        "import runpy, sys; runpy.run_path('classify.py', run_name='__main__');"
        "sys.exit(any(name.startswith('cnnforge') for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code, *files], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    printed = read_csv(done.stdout)
    assert printed[0] == ["file", "predicted", "p_class_0", "p_class_1"]
    assert [row[:2] for row in printed[1:]] == [[row[0], row[3]] for row in expected[1:]]
    found, wanted = (np.array([row[-2:] for row in rows[1:]], float) for rows in (printed, expected))
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_a_saved_model_takes_files_of_any_size_together_and_names_the_classes(exported: Any, trained: Any) -> None:
    import tensorflow as tf

    folder, _ = exported("residual", "saved-model")
    classify = tf.saved_model.load(str(folder / "model")).signatures["serving_default"]
    images = golden.read(trained("residual"), "test", 9)
    outputs = classify(files=tf.constant([content for content, _ in images.photographs.values()]))
    expected = trained("residual").predictor()(images.pixels)
    np.testing.assert_allclose(outputs["probabilities"].numpy(), expected, atol=1e-5)
    names = [f"class_{label}".encode() for label in range(3)]
    assert outputs["class_names"].numpy().tolist() == [names] * 9
    assert outputs["predicted"].numpy().tolist() == [names[label] for label in expected.argmax(axis=1)]


def test_onnx_takes_images_of_any_size_and_number(exported: Any, trained: Any) -> None:
    import onnx
    import onnxruntime

    folder, _ = exported("residual", "onnx")
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    predictor = trained("residual").predictor()
    for number, size in ((1, (24, 24)), (3, (61, 80)), (2, (90, 30))):
        images = np.random.default_rng(0).integers(0, 256, (number, *size, 3), np.uint8)
        resized = [Image.fromarray(image).resize((24, 24), Image.Resampling.LANCZOS) for image in images]
        found = session.run(["probabilities"], {"images": images})[0]
        np.testing.assert_allclose(found, predictor(np.stack(resized)), atol=1e-5)
    metadata = {entry.key: entry.value for entry in onnx.load(folder / "model.onnx").metadata_props}
    assert json.loads(metadata["class_names"]) == ["class_0", "class_1", "class_2"]


def test_litert_takes_any_number_of_images(exported: Any, trained: Any) -> None:
    from ai_edge_litert.interpreter import Interpreter

    folder, _ = exported("residual", "litert")
    classify = Interpreter(str(folder / "model.tflite")).get_signature_runner()
    images = golden.read(trained("residual"), "test", 7).pixels
    for number in (1, 7, 2):
        found = classify(images=images[:number])["probabilities"]
        np.testing.assert_allclose(found, trained("residual").predictor()(images[:number]), atol=1e-5)


@pytest.mark.parametrize("quantize", QUANTIZATIONS)
def test_quantized_models_are_smaller_and_measured(quantize: str, exported: Any) -> None:
    exact, _ = exported("classic", "litert")
    folder, facts = exported("classic", "litert", quantize=quantize)
    measured = facts["quantization"]
    assert (facts["quantize"], measured["split"]) == (quantize, "test")
    assert measured["num_images"] == facts["checks"][0]["num_images"] > 10  # a small split: all of it is golden
    assert measured["agreement"] == 1 - facts["checks"][0]["num_other_class"] / measured["num_images"]
    assert abs(measured["accuracy_before"] - measured["accuracy"]) <= 1 - measured["agreement"]
    assert 0 < facts["checks"][0]["max_difference"] < 0.2
    if quantize == "int8":
        assert smaller(folder / "model.tflite", exact / "model.tflite")


def smaller(first: Path, second: Path) -> bool:
    return first.stat().st_size < second.stat().st_size


def test_int8_is_calibrated_on_the_training_split(trained: Any, tmp_path: Path, monkeypatch: Any) -> None:
    seen: list[np.ndarray] = []

    def settings(quantize: str, calibration: np.ndarray) -> dict[str, Any]:
        seen.append(calibration)
        raise ValueError(quantize)

    monkeypatch.setattr(writers, "_litert_settings", settings)
    with pytest.raises(ExportError, match="int8"):
        export(trained("classic"), "litert", tmp_path / "x", quantize="int8")
    expected = golden.read(trained("classic"), "train", 200).pixels
    np.testing.assert_array_equal(seen[0], expected)


def test_the_files_are_those_that_the_description_lists(exported: Any) -> None:
    folder, facts = exported("classic", "onnx")
    assert set(facts["sha256"]) == {"model.onnx", "classify.py", "photographs.py", "golden/expected.csv"}
    for name, digest in facts["sha256"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert not [path for path in folder.parent.iterdir() if path.name.startswith(".")]


def test_the_reference_names_every_key_and_file(exported: Any) -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "export.md"
    documented = set(re.findall(r"`([\w./]+)`", page.read_text(encoding="utf-8")))
    folder, facts = exported("classic", "litert", quantize="int8")
    keys = {*facts, *facts["input"], *facts["run"], *facts["checks"][0], *facts["quantization"]}
    assert keys - documented == set()
    paths = {path.relative_to(folder).as_posix() for path in folder.glob("*")} - {"golden"}
    paths |= {f"golden/{path.name}{'/' * path.is_dir()}" for path in (folder / "golden").iterdir()}
    assert paths - documented == set()
    assert len(paths) == 7


def test_a_model_that_says_something_else_is_not_left_behind(trained: Any, tmp_path: Path, monkeypatch: Any) -> None:
    def wrong_weights(trained: TrainedRun, path: Path, options: Any) -> None:
        other = keras.models.clone_model(trained.model)
        other.set_weights([weight * -1 for weight in trained.model.get_weights()])
        other.save(path)

    monkeypatch.setattr(writers, "write_keras", wrong_weights)
    with pytest.raises(ExportError, match=r"golden/pixels/\d{4}\.png") as failed:
        export(trained("classic"), "keras", tmp_path / "x")
    assert failed.value.exit_code == 9
    assert list(tmp_path.iterdir()) == []


def test_a_quantized_model_that_loses_too_much_is_refused(trained: Any, tmp_path: Path, monkeypatch: Any) -> None:
    real = writers.write_litert

    def worse(trained: TrainedRun, path: Path, options: LiteRTOptions) -> None:
        weights = trained.model.get_weights()
        trained.model.set_weights([weight * -1 for weight in weights])
        real(trained, path, options)
        trained.model.set_weights(weights)

    monkeypatch.setattr(writers, "write_litert", worse)
    with pytest.raises(ExportError, match=r"agrees with the network on 95% of the test images"):
        export(trained("classic"), "litert", tmp_path / "x", quantize="float16")
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_cannot_be_converted_is_named(trained: Any, tmp_path: Path, monkeypatch: Any) -> None:
    def refuse(*arguments: Any) -> None:
        raise ValueError("no such\noperation")

    monkeypatch.setattr(writers, "write_litert", refuse)
    with pytest.raises(ExportError, match="a network that litert can hold, received ValueError: no such operation"):
        export(trained("classic"), "litert", tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_a_format_that_writes_nothing_is_named(trained: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(writers, "write_keras", lambda *arguments: None)
    with pytest.raises(ExportError, match=r"'keras' of plugin cnnforge:export: expected .* to write model\.keras"):
        export(trained("classic"), "keras", tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_photographs_that_have_changed_are_named(trained: Any, tmp_path: Path, monkeypatch: Any) -> None:
    classic = trained("classic")
    path = Path(json.loads(json.dumps(classic.resolved.recipe.data.model_extra))["path"])
    name = golden.read(classic, "test", 1).names[0]
    content = (path / name).read_bytes()
    try:
        (path / name).write_bytes(content + b"x")
        with pytest.raises(DataError, match=f"{name} in .* as it was in training, received another content"):
            export(classic, "keras", tmp_path / "x")
    finally:
        (path / name).write_bytes(content)
    assert not (tmp_path / "x").exists()


def test_large_photographs_are_left_out_beyond_the_room_for_them(trained: Any) -> None:
    images = golden.read(trained("classic"), "test", 10)
    sizes = [len(content) for content, _ in images.photographs.values()]
    assert len(sizes) == 10
    fewer = golden.read(trained("classic"), "test", 10, max_photograph_bytes=sum(sizes) - 1)
    assert len(fewer.photographs) < 10
    assert len(fewer.names) == 10
