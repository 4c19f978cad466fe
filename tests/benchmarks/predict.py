"""Throughput of ``cnnforge predict`` beside what it must come near to, and memory on very many files.

``python tests/benchmarks/predict.py ARCHIVE [--run RUN] [--images 4000] [--rounds 3] [--files 1000 100000]
[--work-dir DIR]``. In one process, in turn, medians of the rounds: ``model.predict`` on images already decoded;
CNNForge's predictions for the same files with a warm image store, and decoding them anew; a loop of ``load_img`` and
``model.predict`` for each 32 files. Then the peak memory of the command on few and on many names of these files (hard
links). The default run is the classic network, trained for one epoch on a hundredth of the photographs.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from memory import link, unpack

BATCH_SIZE = 32
_AND_SAY_PEAK_MEMORY = """
import sys
from cnnforge.cli.console import main
from cnnforge.system.processes import peak_memory_bytes
try:
    main()
finally:
    print(peak_memory_bytes(), file=sys.stderr)
"""


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("archive", type=Path)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--files", type=int, nargs="*", default=[1000, 100_000])
    parser.add_argument("--work-dir", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.work_dir) as work:
        os.environ["CNNFORGE_CACHE_DIR"] = str(Path(work) / "cache")
        originals = unpack(arguments.archive, Path(work) / "originals")
        run = arguments.run or train(originals, Path(work))
        folder = link(
            originals[:: max(1, len(originals) // arguments.images)], Path(work) / "measured", arguments.images
        )
        speeds = throughput(run, folder, arguments.rounds)
        reference = speeds["model.predict on decoded images"].seconds
        for name, speed in speeds.items():
            rate, cpu = arguments.images / speed.seconds, 1000 * speed.cpu_seconds / arguments.images
            share = reference / speed.seconds
            print(f"{name:36} {rate:8,.0f} images/s {share:6.2f} {cpu:6.2f} ms of processors", flush=True)
        for size in arguments.files:
            many = link(originals, Path(work) / f"names-{size}", size)
            print(f"{size:9,} files: peak memory {peak_memory(run, many) / 2**20:,.0f} MiB", flush=True)
            shutil.rmtree(many)


def train(originals: list[Path], work: Path) -> Path:
    """Train the classic network on a few images, so that there is a run to predict with."""
    folder = link(originals[::100], work / "few", len(originals[::100]))
    command = [sys.executable, "-m", "cnnforge", "run", "directory-cnn", "--data", folder, "--runs-dir", work]
    subprocess.run([*command, "--name", "run", "--set", "training.epochs=1"], check=True, stdout=subprocess.DEVNULL)
    return work / "run"


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds on the clock, and seconds of all processors together, which other work on the machine changes less."""

    seconds: float
    cpu_seconds: float


def throughput(run: Path, folder: Path, rounds: int) -> dict[str, Speed]:
    """Return the time that each way takes for all images, medians of rounds in turn."""
    from cnnforge.system.backend import import_keras

    import_keras()
    import keras
    import numpy as np

    from cnnforge.data.known_pixels import KnownPixels
    from cnnforge.data.scanning import scan
    from cnnforge.host.plugin_host import PluginHost
    from cnnforge.host.registry import Registry
    from cnnforge.images import opening as image_files
    from cnnforge.images.labelled_images import LabelledImages
    from cnnforge.images.opening import given_images
    from cnnforge.running.run_dir import RunDir
    from cnnforge.running.trained_run import load_trained_run, predict_images

    trained = load_trained_run(RunDir(run), Registry(PluginHost.discover()))
    files = image_files.open_files(folder)
    names = [file.name for file in files.files]
    images = LabelledImages(
        class_names=["a", "b"],
        names=names,
        labels=[0] * len(names),
        read=files.reader(names),
        signatures=[file.signature for file in files.files],
        location=files.location,
    )
    decoded = scan(images, trained.decoding, "disk", lambda done, total: None).rows.gather(np.arange(len(names)))
    size = trained.decoding.shape[:2]

    def ours() -> None:
        found = list(predict_images(given_images([str(folder)], sys.stdin.buffer), trained))
        assert len(found) == len(names) and not any(item.reason for item in found)

    def without_store() -> None:
        find = KnownPixels.find
        KnownPixels.find = lambda self, place, signature: None  # type: ignore[method-assign]
        try:
            ours()
        finally:
            KnownPixels.find = find  # type: ignore[method-assign]

    def loop() -> None:
        for start in range(0, len(names), BATCH_SIZE):
            batch = [
                keras.utils.img_to_array(keras.utils.load_img(folder / name, target_size=size))
                for name in names[start : start + BATCH_SIZE]
            ]
            trained.model.predict(np.stack(batch), batch_size=BATCH_SIZE, verbose=0)

    ways: dict[str, Callable[[], object]] = {
        "model.predict on decoded images": lambda: trained.model.predict(decoded, batch_size=BATCH_SIZE, verbose=0),
        "cnnforge predict, warm store": ours,
        "cnnforge predict, decoding": without_store,
        "loop of load_img and model.predict": loop,
    }
    trained.predictor()(decoded[:BATCH_SIZE])  # compiles
    trained.model.predict(decoded[:BATCH_SIZE], verbose=0)
    measured: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            start, cpu_start = time.perf_counter(), time.process_time()
            way()
            measured[name].append((time.perf_counter() - start, time.process_time() - cpu_start))
    return {name: Speed(*map(statistics.median, zip(*times, strict=True))) for name, times in measured.items()}


def peak_memory(run: Path, folder: Path) -> int:
    """Return the peak resident memory, in bytes, of the command on a folder."""
    command = [sys.executable, "-c", _AND_SAY_PEAK_MEMORY, "predict", str(run), str(folder), "--csv"]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True)
    return int(done.stderr.splitlines()[-1])


if __name__ == "__main__":
    main()
