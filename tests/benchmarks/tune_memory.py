"""Sixty short trials: how much the memory of the searching process grows, and how much room the study takes.

    python tests/benchmarks/tune_memory.py [--trials 60]

Linux only: memory is read from /proc while the search runs.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cnnforge.testing.images import write_tiny_images

SETTINGS = ["data.image_size=[24,24]", "training.epochs=2", "training.batch_size=8", "architecture.filters=[8,16]",
            "architecture.dense_units=16", "tuning.confirm=0"]  # fmt: skip


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process; 0 when it is gone."""
    try:
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="utf-8"))
    except OSError:
        return 0.0
    return int(found[1]) / 1e3 if found else 0.0


def size_mb(folder: Path, *patterns: str) -> float:
    """Return the size of the files below a folder that match."""
    total = 0
    for pattern in patterns:
        for path in folder.glob(pattern):
            try:
                total += path.stat().st_size if path.is_file() else 0
            except OSError:  # just deleted
                continue
    return total / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cnnforge-tune-memory-") as name:
        folder = Path(name)
        images, study = write_tiny_images(folder / "images"), folder / "studies" / "s"
        command = [sys.executable, "-m", "cnnforge", "tune", "directory-cnn", "--data", str(images), "--name", "s"]
        command += ["--trials", str(options.trials), "--workers", "2", "--algorithm", "bayesian"]
        command += ["--search", "architecture.filters", "--search", "training.learning_rate"]
        command += [part for setting in SETTINGS for part in ("--set", setting)]
        environ = {**os.environ, "CNNFORGE_CACHE_DIR": str(folder / "cache")}
        start, resident, weights = time.monotonic(), {}, 0.0
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(command, cwd=folder, env=environ, stdout=log, stderr=log)
            while process.poll() is None:
                over = (folder / "log").read_text().count("\nTrial ")
                resident[over] = max(resident.get(over, 0.0), resident_mb(process.pid))
                weights = max(weights, size_mb(study, "trials/*/checkpoints/*", "trials/*/model.keras"))
                time.sleep(0.5)
        assert process.returncode == 0, (folder / "log").read_text()
        text = (folder / "log").read_text()
        bound = re.search(r"at most (.*) of weights", text)
        print(f"{options.trials} trials in {time.monotonic() - start:.0f} s, two at a time")
        print("resident memory of the parent, MB, by trials over: "
              + ", ".join(f"{n}: {mb:.0f}" for n, mb in resident.items() if mb and n % 10 in (0, 1, 5)))  # fmt: skip
        last = max(n for n, mb in resident.items() if mb and n < options.trials)
        print(f"from trial 1 to trial {last}: {resident[last] - resident[1]:+.1f} MB")
        print(f"weights on the disk: at most {weights:.1f} MB at any time; said before: {bound and bound[1]}")
        print(f"the whole study at the end: {size_mb(study, '**/*'):.1f} MB")


if __name__ == "__main__":
    main()
