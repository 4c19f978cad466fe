"""Peak memory and time per image of a run on few and on many images, which should be the same.

``python tests/benchmarks/memory.py ARCHIVE [--sizes 20000 200000] [--work-dir DIR]``. The photographs of the archive
are given many names (hard links); each size is one epoch of the classic network. Needs 68 kB of disk for each image.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from cnnforge.images.opening import open_files


def main() -> None:
    """Measure and print a line for each size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("archive", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[20_000, 200_000])
    parser.add_argument("--work-dir", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.work_dir) as work:
        originals = unpack(arguments.archive, Path(work) / "originals")
        for size in arguments.sizes:
            print(json.dumps(measure(link(originals, Path(work) / str(size), size), Path(work), size)), flush=True)


def unpack(archive: Path, folder: Path) -> list[Path]:
    """Write the usable photographs of the archive into class folders."""
    photographs = open_files(archive)
    written = []
    for file in photographs.files:
        content = photographs.read(file.name)
        if content:
            path = folder / Path(file.name).parent.name / Path(file.name).name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            written.append(path)
    return written


def link(originals: list[Path], folder: Path, size: int) -> Path:
    """Give the originals as many names as there should be images."""
    for number in range(size):
        original = originals[number % len(originals)]
        path = folder / original.parent.name / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.hardlink_to(original)
    return folder


def measure(folder: Path, work: Path, size: int) -> dict[str, float]:
    """Train one epoch as a process of its own and return its peak memory and times."""
    command = [Path(sys.executable).with_name("cnnforge"), "run", "catsdogs", "--data", folder, "--runs-dir", work]
    command += ["--name", f"run-{size}", "--set", "training.epochs=1", "--set", "data.source=directory"]
    environment = {**os.environ, "CNNFORGE_CACHE_DIR": str(work / "cache")}
    subprocess.run(command, check=True, capture_output=True, env=environment)
    run = json.loads((work / f"run-{size}" / "run.json").read_text())
    seconds = run["seconds"]
    return {
        "images": size,
        "peak_memory_megabytes": round(run["peak_memory_bytes"] / 1e6),
        "scan_microseconds_an_image": round(seconds["scan"] / size * 1e6),
        "training_microseconds_an_image": round(seconds["training"] / size * 1e6),
        "total_seconds": seconds["total"],
    }


if __name__ == "__main__":
    main()
