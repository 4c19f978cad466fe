"""Processes that train one network together, as on several machines: Keras on JAX, connected over loopback."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cnnforge.running.run_dir import RunDir

pytestmark = pytest.mark.slow

pytest.importorskip("jax", reason="needs the extra: pip install 'cnnforge[jax]'")

SETTINGS = {
    "data.subset": "0.1",
    "data.image_size": "[32,32]",
    "training.epochs": "2",
    "training.batch_size": "40",
    "training.precision": "float32",
    "training.augmentation": "light",
    "architecture.filters": "[8]",
    "architecture.dense_units": "16",
}


def start(runs: Path, name: str, **environment: str) -> subprocess.Popen[str]:
    command = [Path(sys.executable).with_name("cnnforge"), "run", "catsdogs", "--runs-dir", runs, "--name", name]
    command += [part for key, value in SETTINGS.items() for part in ("--set", f"{key}={value}")]
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", **environment}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def weights(run: Path) -> list[np.ndarray]:
    with np.load(RunDir(run).best_weights, allow_pickle=False) as arrays:
        return [arrays[name] for name in sorted(arrays.files)]


@pytest.mark.slow
def test_two_processes_train_one_network(tmp_path: Path) -> None:
    shared = {"KERAS_DISTRIBUTION_JOB_ADDRESSES": f"127.0.0.1:{free_port()}", "KERAS_DISTRIBUTION_NUM_PROCESSES": "2"}
    names = ("first", "second")
    running = [
        start(tmp_path, name, KERAS_DISTRIBUTION_PROCESS_ID=str(index), **shared) for index, name in enumerate(names)
    ]
    for process in running:
        output, _ = process.communicate(timeout=400)
        assert process.returncode == 0, output
    for first, second in zip(*(weights(tmp_path / name) for name in names), strict=True):
        np.testing.assert_array_equal(first, second)
    predictions = [(tmp_path / name / "predictions.csv").read_text(encoding="utf-8") for name in names]
    assert predictions[0] == predictions[1]
    lines = [json.loads((tmp_path / name / "metrics.jsonl").read_text().splitlines()[-1]) for name in names]
    assert lines[0]["loss"] == lines[1]["loss"]
    assert lines[0]["val_loss"] == lines[1]["val_loss"]
