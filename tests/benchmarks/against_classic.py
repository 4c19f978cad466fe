"""CNNForge against the classic script on the same photographs, in turn, in one run.

``python tests/benchmarks/against_classic.py ARCHIVE [--seeds 3] [--epochs 15]``. The archive is unpacked for the
classic (it reads nothing else) into the very splits that CNNForge uses. Every round trains CNNForge with
``precision=auto`` and with float32, and the classic; the table gives medians of the times and means of the accuracies.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from cnnforge.image_files import open_files

FOLDERS = {"train": "training", "validation": "validation", "test": "testing"}


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("archive", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--work-dir", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.work_dir) as work:
        results: dict[str, list[dict[str, Any]]] = {"cnnforge": [], "cnnforge float32": [], "classic": []}
        for seed in range(arguments.seeds):
            for label, precision in (("cnnforge", "auto"), ("cnnforge float32", "float32")):
                results[label].append(train(arguments.archive, Path(work), seed, arguments.epochs, precision))
                print(label, seed, json.dumps(results[label][-1]), flush=True)
            folder = unpack(arguments.archive, Path(work))
            results["classic"].append(classic(folder, seed, arguments.epochs))
            print("classic", seed, json.dumps(results["classic"][-1]), flush=True)
    print_table(results)


def train(archive: Path, work: Path, seed: int, epochs: int, precision: str) -> dict[str, Any]:
    """Run ``cnnforge run catsdogs`` as a process, from its start to its end, its image store empty for seed 0."""
    name = f"{precision}-{seed}"
    command = [Path(sys.executable).with_name("cnnforge"), "run", "catsdogs", "--data", archive]
    command += ["--runs-dir", work, "--name", name, "--set", f"training.seed={seed}"]
    command += ["--set", f"training.precision={precision}", "--set", f"training.epochs={epochs}"]
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    seconds = time.perf_counter() - start
    lines = [json.loads(line) for line in (work / name / "metrics.jsonl").read_text().splitlines()]
    return {
        "seconds": round(seconds, 1),
        "epoch_seconds": [line["seconds"] for line in lines],
        "val_accuracy": [round(line["val_accuracy"], 4) for line in lines],
        "test_accuracy": json.loads((work / name / "evaluation.json").read_text())["accuracy"],
    }


def unpack(archive: Path, work: Path) -> Path:
    """Write the photographs into class folders of the splits that the first run used."""
    folder = work / "unpacked"
    if folder.exists():
        return folder
    photographs = open_files(archive)
    for text in (work / "auto-0" / "manifest.jsonl").read_text().splitlines():
        line = json.loads(text)
        if "split" in line:
            target = folder / FOLDERS[line["split"]] / line["class"] / Path(line["name"]).name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(photographs.read(line["name"]))
    return folder


def classic(folder: Path, seed: int, epochs: int) -> dict[str, Any]:
    """Run the classic script as a process."""
    script = Path(__file__).with_name("classic.py")
    command = [sys.executable, script, folder, "--seed", str(seed), "--epochs", str(epochs)]
    start = time.perf_counter()
    finished = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, Any] = json.loads(finished.stdout.strip().splitlines()[-1])
    return {**result, "seconds": round(time.perf_counter() - start, 1)}


def print_table(results: dict[str, list[dict[str, Any]]]) -> None:
    """Print the medians, and each beside the classic's."""
    base = statistics.median(r["seconds"] for r in results["classic"])
    print(f"{'':18} {'seconds':>8} {'of classic':>10} {'warm epoch':>10} {'test accuracy':>13}")
    for label, rounds in results.items():
        seconds = statistics.median(r["seconds"] for r in rounds)
        epoch = statistics.median(s for r in rounds for s in r["epoch_seconds"][1:])
        accuracy = statistics.mean(r["test_accuracy"] for r in rounds)
        print(f"{label:18} {seconds:8.0f} {f'1/{base / seconds:.2f}':>10} {epoch:10.1f} {accuracy:13.4f}")


if __name__ == "__main__":
    main()
