"""What checkpoints cost on the photographs, and how long a run takes to stop and to go on.

    python tests/benchmarks/resume_cost.py PATH_TO_ARCHIVE

Trains the classic network twice: three epochs in this process, with every save timed; then in a process of its own,
which gets SIGTERM in its second epoch and is resumed.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cnnforge.run_dir import RunDir
from cnnforge.training.callbacks import BestWeights
from cnnforge.training.checkpointing import Checkpointing
from cnnforge.training.checkpoints import newest


def timed(method: Callable[..., Any], seconds: list[float]) -> Callable[..., Any]:
    def call(*arguments: Any, **more: Any) -> Any:
        start = time.perf_counter()
        try:
            return method(*arguments, **more)
        finally:
            seconds.append(time.perf_counter() - start)

    return call


def share_of_time(folder: Path, archive: Path, epochs: int) -> None:
    from cnnforge.cli.main import main

    seconds: list[float] = []
    best: list[float] = []
    Checkpointing._save = timed(Checkpointing._save, seconds)  # type: ignore[method-assign]
    BestWeights.on_epoch_end = timed(BestWeights.on_epoch_end, best)  # type: ignore[method-assign]
    sys.argv = ["cnnforge", "run", "catsdogs", "--data", str(archive), "--runs-dir", str(folder), "--name", "whole"]
    sys.argv += ["--set", f"training.epochs={epochs}"]
    try:
        main()
    except SystemExit as done:
        assert not done.code, done
    run = RunDir(folder / "whole")
    training = run.read_run()["seconds"]["training"]
    size = sum(path.stat().st_size for path in run.checkpoints.glob("last-*.npz"))
    print(f"{len(seconds)} checkpoints of {size / 1e6:.0f} MB in {training:.0f} s of training:")
    print(f"  {min(seconds):.2f} to {max(seconds):.2f} s each, {sum(seconds) / training:.2%} of the time")
    print(f"best weights: {sum(best):.2f} s, {sum(best) / training:.2%} of the time")


def stop_and_go(folder: Path, archive: Path, seconds: float) -> None:
    command = [sys.executable, "-m", "cnnforge", "run"]
    new = [*command, "catsdogs", "--data", str(archive), "--runs-dir", str(folder), "--name", "stopped"]
    new += ["--set", "training.epochs=2"]
    with subprocess.Popen(new, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith("Epoch 1/2"):
            assert process.poll() is None
        threading.Event().wait(seconds)  # somewhere in the second epoch
        process.send_signal(signal.SIGTERM)
        start = time.perf_counter()
        code = process.wait()
        print(f"SIGTERM to exit {code}: {time.perf_counter() - start:.2f} s")
    stopped = newest(RunDir(folder / "stopped").checkpoints, print)
    assert stopped is not None
    print(f"saved after {stopped.epoch} epochs and {stopped.batch} batches")
    subprocess.run([*command, "--resume", str(folder / "stopped")], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--after", type=float, default=7.0, help="seconds into the second epoch at which to stop it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cnnforge-resume-") as name:
        stop_and_go(Path(name), options.archive, options.after)
        share_of_time(Path(name), options.archive, options.epochs)


if __name__ == "__main__":
    main()
