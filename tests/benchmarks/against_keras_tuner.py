"""``cnnforge tune`` against a plain Keras Tuner script: the same space, trials, epochs, photographs and splits.

``python tests/benchmarks/against_keras_tuner.py ARCHIVE [--trials 12] [--epochs 3] [--subset 0.2] [--workers 2]``.
Runs the script, then CNNForge without pruning and with it, without the trainings on fresh seeds, which the script does
not make, and with an empty image store. Prints a table; processor seconds are of all processes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from against_classic import unpack

SIDES = ("plain", "none", "median", "halving")


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("archive", type=Path)
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--subset", type=float, default=0.2)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", nargs="+", choices=SIDES, default=["plain", "none", "median"])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        folder = unpack(arguments.archive, Path(work), arguments.subset)
        results = {
            side: plain(folder, arguments) if side == "plain" else tune(side, Path(work), arguments)
            for side in arguments.only
        }
    print(f"{'side':<10}{'seconds':>9}{'processor':>11}{'best':>8}{'trials':>8}")
    for side, result in results.items():
        scores = [score for score in result["val_accuracy"] if score is not None]
        seconds, used = result["seconds"], result["processor_seconds"]
        print(f"{side:<10}{seconds:>9.0f}{used:>11.0f}{max(scores):>8.4f}{len(result['val_accuracy']):>8}")


def plain(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Run the script in a process of its own."""
    script = Path(__file__).with_name("plain_keras_tuner.py")
    options = ["--trials", str(arguments.trials), "--epochs", str(arguments.epochs)]
    done = subprocess.run([sys.executable, script, folder, *options], check=True, capture_output=True, text=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def tune(pruning: str, work: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Run ``cnnforge tune`` in a process of its own, with an empty image store."""
    settings = {
        "training.epochs": arguments.epochs, "data.subset": arguments.subset, "tuning.confirm": 0,
        "tuning.pruning": pruning,
    }  # fmt: skip
    options = [option for key, value in settings.items() for option in ("--set", f"{key}={value}")]
    command = [
        sys.executable, "-m", "cnnforge", "tune", "catsdogs", "--data", str(arguments.archive), "--json",
        "--trials", str(arguments.trials), "--workers", str(arguments.workers), "--name", pruning, *options,
    ]  # fmt: skip
    environ = {**os.environ, "CNNFORGE_CACHE_DIR": str(work / f"cache-{pruning}")}
    start, before = time.perf_counter(), os.times()
    done = subprocess.run(command, cwd=work, env=environ, check=True, stdout=subprocess.PIPE, text=True)
    after = os.times()
    return {
        "seconds": time.perf_counter() - start,
        "processor_seconds": after.children_user
        + after.children_system
        - before.children_user
        - before.children_system,
        "val_accuracy": [trial["score"] for trial in json.loads(done.stdout)["trials"]],
    }


if __name__ == "__main__":
    main()
