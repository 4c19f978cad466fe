"""Runs in a real MLflow server: what is logged, how runs end there, and that a server that is gone harms no run."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mlflow.server", reason="needs the whole of MLflow: pip install 'cnnforge-mlflow[test]'")

from mlflow import MlflowClient
from mlflow.entities import Run

_START_SECONDS = 120


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of its own, with an SQLite store."""
    folder = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += [
        "--backend-store-uri",
        f"sqlite:///{folder / 'mlflow.db'}",
        "--artifacts-destination",
        str(folder / "files"),
    ]
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address, process, folder / "log.txt")
        yield address
    finally:
        process.terminate()
        process.wait()


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)  # between two questions; there is no event to wait for
    pytest.fail(f"the server did not start:\n{log.read_text()[-2000:]}")


def train(cli: Any, tiny_images: Path, runs_dir: Path, *changes: str) -> Any:
    settings = ["data.image_size=[32,32]", "architecture.filters=[4]", "architecture.dense_units=4", "data.store=off"]
    settings += ["training.epochs=2", "training.precision=float32", "training.batch_size=8", *changes]
    sets = [part for setting in settings for part in ("--set", setting)]
    return cli("run", "directory-cnn", "--data", str(tiny_images), "--runs-dir", str(runs_dir), "--name", "one", *sets)


def logged(server: str, run_directory: Path, experiment: str = "cnnforge") -> Run:
    client = MlflowClient(server)
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    runs = client.search_runs([found.experiment_id], f"tags.`cnnforge.run_directory` = '{run_directory}'")
    assert len(runs) == 1
    return runs[0]


def test_settings_metrics_report_and_model_are_logged(
    server: str, cli: Any, tiny_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    result = train(cli, tiny_images, tmp_path)
    assert result.code == 0, result.out + result.err
    run, client = logged(server, tmp_path / "one"), MlflowClient(server)
    assert f"MLflow   run {run.info.run_id} at {server}" in result.out
    assert run.info.status == "FINISHED"
    assert run.data.params["architecture.filters"] == "[4]"
    assert run.data.params["training.optimizer"] == "adam"
    assert run.data.tags["cnnforge.recipe.schema"] == "directory-cnn"
    history = client.get_metric_history(run.info.run_id, "val_accuracy")
    assert [metric.step for metric in history] == [1, 2]
    assert 0 <= run.data.metrics["test_accuracy"] <= 1
    files = {item.path for item in client.list_artifacts(run.info.run_id)}
    assert {"report.html", "recipe.toml", "run.json", "model_card.md", "evaluation.json", "model"} <= files
    model = client.download_artifacts(run.info.run_id, "model/model.keras", str(tmp_path))
    assert Path(model).read_bytes() == (tmp_path / "one" / "model.keras").read_bytes()


def test_a_run_resumed_with_a_server_is_logged_from_there_on(
    server: str, cli: Any, tiny_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert train(cli, tiny_images, tmp_path).code == 0
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    result = cli("run", "--resume", str(tmp_path / "one"), "--set", "training.epochs=4", "--accept-changes")
    assert result.code == 0, result.out + result.err
    run = logged(server, tmp_path / "one")
    history = MlflowClient(server).get_metric_history(run.info.run_id, "val_accuracy")
    assert [metric.step for metric in history] == [3, 4]


def test_a_run_that_fails_ends_as_failed(
    server: str, cli: Any, tiny_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "failures")
    result = train(cli, tiny_images, tmp_path, "training.learning_rate=1e38", "training.optimizer=sgd")
    assert result.code == 5, result.out + result.err
    assert logged(server, tmp_path / "one", "failures").info.status == "FAILED"


def test_a_server_that_is_gone_costs_a_line_and_no_run(
    cli: Any, tiny_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")  # the discard port: nobody listens
    result = train(cli, tiny_images, tmp_path)
    assert result.code == 0, result.out + result.err
    assert "MLflow   not logged: " in result.out
    assert (tmp_path / "one" / "report.html").is_file()


def test_without_an_address_nothing_is_logged(
    cli: Any, tiny_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    result = train(cli, tiny_images, tmp_path / "runs")
    assert result.code == 0, result.out + result.err
    assert "MLflow" not in result.out + result.err
    assert [path.name for path in tmp_path.iterdir() if "ml" in path.name] == []
