"""``cnnforge export`` on the command line: what it refuses, and what it prints."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image


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
    assert "--format" in cli("export", str(started), "--format", "torch").err


def test_an_existing_folder_is_refused(cli: Any, started: Path) -> None:
    (started / "exports" / "keras").mkdir(parents=True)
    done = cli("export", str(started), "--format", "keras")
    assert done.code == 2
    assert "never overwritten" in done.err


def test_only_litert_is_quantized(cli: Any, started: Path) -> None:
    done = cli("export", str(started), "--format", "onnx", "--quantize", "int8")
    assert done.code == 2
    assert "expected --quantize with --format litert only" in done.err


def test_a_missing_package_names_the_command(cli: Any, started: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr("cnnforge_export.formats.find_spec", lambda name: None if "onnx" in name else real(name))
    done = cli("export", str(started), "--format", "onnx")
    assert done.code == 2
    assert "onnx, tf2onnx, onnxruntime" in done.err
    assert "pip install 'cnnforge[export]'" in done.err


def test_a_run_without_weights(cli: Any, started: Path) -> None:
    done = cli("export", str(started), "--format", "keras")
    assert done.code == 2
    assert "expected a run with trained weights" in done.err
    assert not (started / "exports").exists()


def test_an_export_and_its_json(cli: Any, tmp_path: Path) -> None:
    data = tmp_path / "photographs"
    for label, name in enumerate(("apple", "pear")):
        (data / name).mkdir(parents=True)
        for number in range(30):
            Image.effect_noise((30, 24), 60 + 120 * label + number / 10).save(data / name / f"{number}.png")
    options = "--set data.image_size=[16,16] --set architecture.filters=[4] --set training.epochs=1 --name r"
    assert cli("run", "directory-cnn", "--data", str(data), *options.split(), "--runs-dir", str(tmp_path)).code == 0
    printed = cli("export", str(tmp_path / "r"), "--format", "litert")
    assert printed.code == 0, printed.err
    assert max(map(len, printed.out.replace(str(tmp_path), "").splitlines())) <= 80
    assert "photographs" in printed.out
    folder = tmp_path / "r" / "exports" / "litert"
    assert (folder / "model.tflite").is_file()
    done = cli("export", str(tmp_path / "r"), "--format", "litert", "--quantize", "float16", "--json")
    facts = json.loads(done.out)
    assert facts["quantization"]["agreement"] > 0.5
    assert Path(facts["folder"]) == tmp_path / "r" / "exports" / "litert-float16"
