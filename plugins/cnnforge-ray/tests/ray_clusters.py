"""Clusters of three nodes on this machine, and ``cnnforge tune`` on them in processes of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cnnforge.testing.images import write_tiny_images

HERE = Path(__file__).parent
NODE = {"num_cpus": 1, "object_store_memory": 80_000_000}


def new_cluster(tmp_path: Path, **head: Any) -> Any:
    """Return three nodes of one core each, all of them processes on this machine."""
    from ray.cluster_utils import Cluster

    os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
    os.environ["CNNFORGE_CACHE_DIR"] = str(tmp_path / "cache")
    cluster = Cluster(initialize_head=True, head_node_args={**NODE, **head})
    for _ in range(2):
        cluster.add_node(**NODE)
    cluster.wait_for_nodes()
    return cluster


class Tuner:
    """``cnnforge tune`` in a folder of its own, on tiny images and with a tiny network."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder = folder
        self.images = write_tiny_images(folder / "images")
        self.environ = {**os.environ, "CNNFORGE_CACHE_DIR": str(cache)}

    def start(self, name: str, *arguments: str) -> subprocess.Popen[str]:
        settings = ["data.image_size=[24,24]", "training.epochs=3", "training.batch_size=8", "tuning.confirm=0",
                    "architecture.filters=[8]", "architecture.dense_units=8"]  # fmt: skip
        command = [
            sys.executable,
            "-m",
            "cnnforge",
            "tune",
            "directory-cnn",
            "--data",
            str(self.images),
            "--name",
            name,
        ]
        command += [part for setting in settings for part in ("--set", setting)]
        command += ["--search", "architecture.filters", "--search", "training.learning_rate"]
        return subprocess.Popen(
            [*command, *arguments], cwd=self.folder, env=self.environ, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def run(self, name: str, *arguments: str) -> str:
        with self.start(name, *arguments) as process:
            output = process.communicate(timeout=900)[0]
        assert process.returncode == 0, output
        return output

    def study(self, name: str) -> Path:
        return self.folder / "studies" / name

    def trials(self, name: str) -> list[dict[str, Any]]:
        """What each trial was given and came to, but for the time it took."""
        found = json.loads((self.study(name) / "study.json").read_text(encoding="utf-8"))["trials"]
        return [{key: value for key, value in trial.items() if key != "seconds"} for trial in found]

    def events(self, name: str, kind: str) -> list[str]:
        """The trials that the journal has an event of."""
        path = self.study(name) / "journal.jsonl"
        lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
        return [event["trial"] for event in map(json.loads, lines) if event["event"] == kind]


def wait_until(is_true: Callable[[], Any], process: subprocess.Popen[str] | None = None) -> None:
    deadline = time.monotonic() + 600
    while not is_true():
        assert process is None or process.poll() is None, process.stdout and process.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)
