"""CNNForge against the classic script on the same photographs, in turn, in one run.

``python tests/benchmarks/against_classic.py ARCHIVE [--seeds 0 1 2] [--epochs 15] [--only LABEL ...]``. The archive is
unpacked for the scripts into the very splits that CNNForge uses. Every round trains CNNForge with ``precision=auto``
and with float32, the classic, and the pipeline of Keras's guides in both precisions; the table gives medians of the
times and means of the accuracies. CNNForge's times are those of the whole process, with an empty image store.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cnnforge.data.preparing import open_source, prepare
from cnnforge.host.plugin_host import PluginHost
from cnnforge.host.registry import Registry
from cnnforge.recipe.loading import load_recipe
from cnnforge.recipe.resolving import resolve

FOLDERS = {"train": "training", "validation": "validation", "test": "testing"}


SIDES = {
    "cnnforge": ("cnnforge", "auto"),
    "classic": ("classic.py", ""),
    "cnnforge float32": ("cnnforge", "float32"),
    "guide float32": ("keras_guide.py", "float32"),
    "guide bfloat16": ("keras_guide.py", "bfloat16"),
}


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("archive", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--subset", type=float, default=1.0, help="share of the photographs to use")
    parser.add_argument("--only", nargs="+", choices=SIDES, default=list(SIDES))
    parser.add_argument("--work-dir", type=Path)
    arguments = parser.parse_args()
    results: dict[str, list[dict[str, Any]]] = {label: [] for label in arguments.only}
    with tempfile.TemporaryDirectory(dir=arguments.work_dir) as work:
        folder = unpack(arguments.archive, Path(work), arguments.subset)
        for seed in arguments.seeds:
            for label in arguments.only:
                program, precision = SIDES[label]
                if program == "cnnforge":
                    changes = {"training.seed": seed, "training.precision": precision}
                    changes |= {"training.epochs": arguments.epochs, "data.subset": arguments.subset}
                    result = train(arguments.archive, Path(work), changes)
                else:
                    result = script(program, folder, seed, arguments.epochs, precision)
                results[label].append(result)
                print(label, seed, json.dumps(result), flush=True)
    print_table(results)


def train(archive: Path, work: Path, changes: dict[str, Any]) -> dict[str, Any]:
    """Run ``cnnforge run catsdogs`` as a process, from its start to its end, its image store empty."""
    name = "-".join(str(value) for value in changes.values())
    command = [Path(sys.executable).with_name("cnnforge"), "run", "catsdogs", "--data", archive]
    command += ["--runs-dir", work, "--name", name]
    command += [part for key, value in changes.items() for part in ("--set", f"{key}={value}")]
    with tempfile.TemporaryDirectory(dir=work) as cache:
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, "CNNFORGE_CACHE_DIR": cache})
        seconds = time.perf_counter() - start
    lines = [json.loads(line) for line in (work / name / "metrics.jsonl").read_text().splitlines()]
    return {
        "seconds": round(seconds, 1),
        "epoch_seconds": [line["seconds"] for line in lines],
        "val_accuracy": [round(line["val_accuracy"], 4) for line in lines],
        "test_accuracy": json.loads((work / name / "evaluation.json").read_text())["accuracy"],
    }


def unpack(archive: Path, work: Path, subset: float) -> Path:
    """Write the photographs into class folders of the splits that CNNForge's runs use."""
    registry = Registry(PluginHost.discover())
    changes = [f"data.path={str(archive.absolute())!r}", "data.store='off'", f"data.subset={subset}"]
    loaded = load_recipe("catsdogs", registry, changes)
    resolved = resolve(loaded, registry)
    images = open_source(resolved)
    manifest = prepare(resolved, images, lambda done, total: None).manifest
    for split, name in FOLDERS.items():
        for row in manifest.rows(split).tolist():
            target = work / "unpacked" / name / images.class_names[manifest.labels[row]] / Path(images.names[row]).name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(images.read(row))
    return work / "unpacked"


def script(name: str, folder: Path, seed: int, epochs: int, precision: str) -> dict[str, Any]:
    """Run one of the scripts beside this file as a process."""
    command = [sys.executable, Path(__file__).with_name(name), folder, "--seed", str(seed), "--epochs", str(epochs)]
    command += ["--precision", precision] if precision else []
    start = time.perf_counter()
    finished = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, Any] = json.loads(finished.stdout.strip().splitlines()[-1])
    return {**result, "seconds": round(time.perf_counter() - start, 1)}


def print_table(results: dict[str, list[dict[str, Any]]]) -> None:
    """Print the medians, and each beside the classic's."""
    reference = results.get("classic") or next(iter(results.values()))
    base = statistics.median(r["seconds"] for r in reference)
    print(f"{'':18} {'seconds':>8} {'of classic':>10} {'warm epoch':>10} {'test accuracy':>13}")
    for label, rounds in results.items():
        seconds = statistics.median(r["seconds"] for r in rounds)
        epoch = statistics.median(s for r in rounds for s in r["epoch_seconds"][1:])
        accuracy = statistics.mean(r["test_accuracy"] for r in rounds)
        print(f"{label:18} {seconds:8.0f} {f'1/{base / seconds:.2f}':>10} {epoch:10.1f} {accuracy:13.4f}")
    print("\nvalidation accuracy by epoch, mean and standard error over the seeds")
    for label, rounds in results.items():
        print(
            f"{label:18}",
            *(_mean_and_error(values) for values in zip(*(r["val_accuracy"] for r in rounds), strict=True)),
        )


def _mean_and_error(values: Sequence[float]) -> str:
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return f"{statistics.mean(values):.3f}±{error:.3f}"


if __name__ == "__main__":
    main()
