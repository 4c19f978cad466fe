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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnnforge.running.checkpointing import Checkpointing
from cnnforge.running.checkpoints import newest_checkpoint
from cnnforge.running.run_dir import RunDir
from cnnforge.training.callbacks import BestWeights


def timed(method: Callable[..., Any], seconds: list[float]) -> Callable[..., Any]:
    def call(*arguments: Any, **more: Any) -> Any:
        start = time.perf_counter()
        try:
            return method(*arguments, **more)
        finally:
            seconds.append(time.perf_counter() - start)

    return call


@dataclass(frozen=True)
class Cost:
    """What saving took of a run: seconds of each checkpoint, all of the best weights, and of training; bytes of one."""

    checkpoints: list[float]
    best: float
    training: float
    num_bytes: int

    @property
    def share(self) -> float:
        """The share of the time of training in which something was saved."""
        return (sum(self.checkpoints) + self.best) / self.training


@dataclass(frozen=True)
class Stop:
    """How a run that got SIGTERM ended: its exit code, the seconds until then, and where it was saved."""

    code: int
    seconds: float
    epoch: int
    batch: int


def share_of_time(folder: Path, given: Sequence[str], epochs: int) -> Cost:
    """Train in this process, with every save timed.

    Args:
        folder: For the run.
        given: Arguments that name the data, for ``cnnforge run catsdogs``.
        epochs: How long.
    """
    from cnnforge.cli.console import main

    seconds: list[float] = []
    best: list[float] = []
    Checkpointing._save = timed(Checkpointing._save, seconds)  # type: ignore[method-assign]
    BestWeights.on_epoch_end = timed(BestWeights.on_epoch_end, best)  # type: ignore[method-assign]
    sys.argv = ["cnnforge", "run", "catsdogs", *given, "--runs-dir", str(folder), "--name", "whole"]
    sys.argv += ["--set", f"training.epochs={epochs}"]
    try:
        main()
    except SystemExit as done:
        assert not done.code, done
    run = RunDir(folder / "whole")
    size = sum(path.stat().st_size for path in run.checkpoints.glob("last-*.npz"))
    return Cost(seconds, sum(best), run.read_run()["seconds"]["training"], size)


def stop(folder: Path, given: Sequence[str], seconds: float) -> Stop:
    """Start a run in a process of its own and send it SIGTERM so many seconds into its second epoch."""
    new = [sys.executable, "-m", "cnnforge", "run", "catsdogs", *given, "--runs-dir", str(folder), "--name", "stopped"]
    with subprocess.Popen([*new, "--set", "training.epochs=2"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith("Epoch 1/2"):
            assert process.poll() is None
        threading.Event().wait(seconds)  # somewhere in the second epoch
        process.send_signal(signal.SIGTERM)
        start = time.perf_counter()
        code = process.wait()
        taken = time.perf_counter() - start
    stopped = newest_checkpoint(RunDir(folder / "stopped").checkpoints, print)
    assert stopped is not None
    return Stop(code, taken, stopped.epoch, stopped.batch)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--after", type=float, default=7.0, help="seconds into the second epoch at which to stop it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cnnforge-resume-") as name:
        folder, given = Path(name), ["--data", str(options.archive)]
        stopped = stop(folder, given, options.after)
        print(f"SIGTERM to exit {stopped.code}: {stopped.seconds:.2f} s")
        print(f"saved after {stopped.epoch} epochs and {stopped.batch} batches")
        subprocess.run([sys.executable, "-m", "cnnforge", "run", "--resume", str(folder / "stopped")], check=True)
        cost = share_of_time(folder, given, options.epochs)
    saves, training = cost.checkpoints, cost.training
    print(f"{len(saves)} checkpoints of {cost.num_bytes / 1e6:.0f} MB in {training:.0f} s of training:")
    print(f"  {min(saves):.2f} to {max(saves):.2f} s each, {sum(saves) / training:.2%} of the time")
    print(f"best weights: {cost.best:.2f} s, {cost.best / training:.2%} of the time")


if __name__ == "__main__":
    main()
