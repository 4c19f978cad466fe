"""``cnnforge export`` on the command line: what it refuses, and what it prints."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cnnforge.host import PluginHost, Registry
from cnnforge.testing.images import write_tiny_images
from cnnforge_export import interface

ARRAYS = """
from typing import Annotated

import cnnforge


class ArraysOptions(cnnforge.Options):
    scale: Annotated[float, cnnforge.Field(description="times every weight")] = 1.0


@cnnforge.hookimpl
def cnnforge_export_formats():
    yield cnnforge.ExportFormatSpec(
        name="arrays",
        summary="The weights as NumPy arrays",
        write="arrays_format:write",
        consumer="arrays_format:arrays_classify.py",
        packages=("numpy", "pillow"),
        options=ArraysOptions,
        tolerance=1e-3,
        file_name="weights.npz",
    )


def write(trained, path, options):
    import numpy as np

    np.savez(path, *(weight * options.scale for weight in trained.model.get_weights()))
"""
CLASSIFY = """
import csv, json, sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from photographs import read_photograph

here = Path(__file__).parent
facts = json.loads((here / "export.json").read_text(encoding="utf-8"))
arrays = np.load(here / "weights.npz")
*convolutions, dense, head = zip(*(iter(arrays[name] for name in arrays.files),) * 2)


def convolved(x, kernel, bias):
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[:2], axis=(0, 1))
    x = np.maximum(np.einsum("hwcij,ijco->hwo", windows, kernel) + bias, 0)
    height, width = x.shape[0] // 2, x.shape[1] // 2
    return x[: height * 2, : width * 2].reshape(height, 2, width, 2, -1).max(axis=(1, 3))


table = csv.writer(sys.stdout)
table.writerow(["file", "predicted", *facts["class_names"]])
for name in sys.argv[1:]:
    x = read_photograph(Path(name).read_bytes(), SimpleNamespace(**facts["input"])) / np.float32(255)
    for kernel, bias in convolutions:
        x = convolved(x, kernel, bias)
    x = np.maximum(x.reshape(-1) @ dense[0] + dense[1], 0) @ head[0] + head[1]
    shares = np.exp(x) / np.exp(x).sum()
    table.writerow([name, facts["class_names"][shares.argmax()], *shares])
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with random weights."""
    from cnnforge_export.testing import tiny_run

    folder = tmp_path_factory.mktemp("finished")
    registry = Registry(PluginHost.discover({"CNNFORGE_LOAD_PLUGINS": ""}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CNNFORGE_CACHE_DIR", str(folder / "cache"))
        return tiny_run(registry, write_tiny_images(folder / "images"), folder).directory.path


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of that run."""
    return Path(shutil.copytree(finished, tmp_path / "copy" / "run"))


@pytest.fixture
def arrays(tmp_path: Path) -> Iterator[Path]:
    """A file that is a plugin, with a format of its own and its script beside it."""
    (tmp_path / "arrays_classify.py").write_text(CLASSIFY, encoding="utf-8")
    (tmp_path / "arrays_format.py").write_text(ARRAYS, encoding="utf-8")
    yield tmp_path / "arrays_format.py"
    for module in ("arrays_format", "arrays_again"):
        sys.modules.pop(module, None)


@pytest.fixture
def started(tmp_path: Path) -> Path:
    """A folder that looks like a run before its first epoch."""
    (tmp_path / "started").mkdir()
    (tmp_path / "started" / "run.json").write_text("{}", encoding="utf-8")
    return tmp_path / "started"


def test_a_run_that_is_not_there(cli: Any) -> None:
    done = cli("export", "nowhere", "--format", "onnx")
    assert done.code == 2
    assert "expected a run directory" in done.err


def test_a_format_must_be_named(cli: Any, started: Path) -> None:
    assert cli("export", str(started)).code == 2
    unknown = cli("export", str(started), "--format", "kears")
    assert unknown.code == 2
    assert "unknown export format 'kears'. Did you mean 'keras'?" in unknown.err


def test_an_existing_folder_is_refused(cli: Any, started: Path) -> None:
    (started / "exports" / "keras").mkdir(parents=True)
    done = cli("export", str(started), "--format", "keras")
    assert done.code == 2
    assert "never overwritten" in done.err


def test_only_litert_is_quantized(cli: Any, started: Path) -> None:
    done = cli("export", str(started), "--format", "onnx", "--quantize", "int8")
    assert done.code == 2
    assert "expected --quantize with --format litert only" in done.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--quantize", "int4"],
            "litert.quantize: expected 'float16', 'dynamic' or 'int8', received quantize=\"int4\"",
        ),
        (["--set", "quantise=int8"], "unknown setting litert.quantise. Did you mean 'quantize'?"),
        (["--set", "quantize"], "expected --set key=value, received --set quantize"),
    ],
)
def test_options_that_a_format_does_not_have(cli: Any, started: Path, options: list[str], message: str) -> None:
    done = cli("export", str(started), "--format", "litert", *options)
    assert done.code == 2
    assert message in " ".join(done.err.split())


def test_missing_packages_are_named_with_the_command_that_brings_them(
    cli: Any, started: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interface, "_is_installed", lambda name: name == "onnx")
    done = cli("export", str(started), "--format", "onnx")
    assert done.code == 2
    assert "needs packages that are not installed: tf2onnx, onnxruntime" in " ".join(done.err.split())
    assert "pip install tf2onnx onnxruntime" in done.err


def test_what_is_installed() -> None:
    assert interface._is_installed("typing-extensions")
    assert interface._is_installed("email")  # a module, and no distribution
    assert not interface._is_installed("no-such-package")


def test_a_run_without_weights(cli: Any, started: Path) -> None:
    done = cli("export", str(started), "--format", "keras")
    assert done.code == 2
    assert "expected a run with trained weights" in done.err
    assert not (started / "exports").exists()


def test_an_export_and_its_json(cli: Any, run: Path) -> None:
    printed = cli("export", str(run), "--format", "litert")
    assert printed.code == 0, printed.err
    assert max(map(len, printed.out.replace(str(run.parent), "").splitlines())) <= 80
    assert "photographs" in printed.out
    folder = run / "exports" / "litert"
    assert (folder / "model.tflite").is_file()
    done = cli("export", str(run), "--format", "litert", "--set", "quantize=float16", "--json")
    facts = json.loads(done.out)
    assert facts["quantization"]["agreement"] > 0.5
    assert facts["quantize"] == "float16"
    assert Path(facts["folder"]) == run / "exports" / "litert-float16"


def test_a_format_of_a_file_goes_through_the_same_gate(cli: Any, run: Path, arrays: Path, tmp_path: Path) -> None:
    export = ["export", str(run), "--format", "arrays", "--plugin", str(arrays)]
    done = cli(*export, "--json")
    assert done.code == 0, done.err
    facts = json.loads(done.out)
    assert [(check["num_other_class"], check["tolerance"]) for check in facts["checks"]] == [(0, 1e-3)] * 3
    assert (facts["artifact"], facts["options"]) == ("weights.npz", {"scale": 1.0})
    assert set(facts["sha256"]) == {"weights.npz", "classify.py", "photographs.py", "golden/expected.csv"}
    refused = cli(*export, "--set", "scale=0.5", "--out", str(tmp_path / "half"))
    assert refused.code == 9
    assert "golden/pixels/" in refused.err
    assert not (tmp_path / "half").exists()


def test_a_format_that_two_plugins_bring_fails_only_when_it_is_used(
    cli: Any, started: Path, arrays: Path, tmp_path: Path
) -> None:
    source = ARRAYS.replace("arrays_format", "arrays_again")
    (tmp_path / "arrays_again.py").write_text(source, encoding="utf-8")
    plugins = ["--plugin", str(arrays), "--plugin", str(tmp_path / "arrays_again.py")]
    done = cli("export", str(started), "--format", "arrays", *plugins)
    assert done.code == 4
    assert "file:arrays_format and file:arrays_again" in done.err
    other = cli("export", str(started), "--format", "keras", *plugins)
    assert "expected a run with trained weights" in other.err


def test_a_script_that_is_not_there_is_named(cli: Any, run: Path, arrays: Path) -> None:
    arrays.with_name("arrays_classify.py").unlink()
    done = cli("export", str(run), "--format", "arrays", "--plugin", str(arrays))
    assert done.code == 4
    assert "export format 'arrays' of plugin file:arrays_format: cannot read" in " ".join(done.err.split())
    assert not (run / "exports" / "arrays").exists()
