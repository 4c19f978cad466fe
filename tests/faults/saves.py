"""Kills a process with ``kill -9`` while it saves checkpoints without a pause, and looks at what is left.

python -m tests.faults.saves --kills 200 --seed 0
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import tempfile
import time
from pathlib import Path

import numpy as np

from cnnforge.network.arrays import read_arrays, write_arrays
from cnnforge.running.checkpoints import newest_checkpoint, next_path, publish

_FLOATS = 500_000


def save_for_ever(folder: Path, announced: int) -> None:
    """Save checkpoints whose every number is the checkpoint's own, and announce each that is published."""
    while True:
        path = next_path(folder)
        number = int(path.stem.removeprefix("last-"))
        arrays = {"one": np.full(_FLOATS, number, np.float32), "two": np.full(10, number, np.int64)}
        best = folder / f"best-{number:04}.npz"
        files = {best.name: write_arrays(best, {"best": np.full(1000, number)})}
        files[path.with_suffix(".npz").name] = write_arrays(path.with_suffix(".npz"), arrays)
        publish(path, {"epoch": number, "batch": 0, "files": files})
        os.write(announced, number.to_bytes(4, "big"))


def kill_once(folder: Path, seconds: float) -> tuple[int, int]:
    """Return the last checkpoint that was announced and the newest that is found, after a kill so long after one."""
    read, write = os.pipe()
    process = os.fork()
    if not process:
        try:
            save_for_ever(folder, write)
        finally:
            os._exit(99)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        announced = pipe.read(4)
        time.sleep(seconds)  # the random moment itself
        os.kill(process, signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == -signal.SIGKILL
        announced += pipe.read()
    damaged: list[str] = []
    found = newest_checkpoint(folder, damaged.append)
    assert not damaged, damaged
    assert found is not None
    for name, values in read_arrays(found.state).items():
        assert (values == found.epoch).all(), (name, found)
    return int.from_bytes(announced[-4:], "big"), found.epoch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    generator = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="cnnforge-saves-") as name:
        folder, newest_so_far = Path(name), 0
        for _ in range(options.kills):
            announced, found = kill_once(folder, generator.uniform(0.005, 0.12))
            assert found >= max(announced, newest_so_far), (announced, found, newest_so_far)
            newest_so_far = found
        whole = [path for path in folder.iterdir() if not path.name.startswith(".")]
        assert len(whole) <= 3 * 3 + 1, whole  # two checkpoints of three files, and what was being written
    print(f"{options.kills} kills during {newest_so_far} checkpoints: the newest was always whole, none was lost")


if __name__ == "__main__":
    main()
