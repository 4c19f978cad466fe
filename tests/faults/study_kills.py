"""Kills a search with ``kill -9`` at seeded random moments, gives its command again, and compares the study with one
that was never interrupted: the same trials, each once, with the same values and figures, and the same best.

    python -m tests.faults.study_kills --kills 20 --seed 0

What is killed is a worker, the process that searches, or all. A worker that dies has its trial tried once more, and a
second time means that the trial failed, so the second kill during one trial is never a worker's alone. Linux only.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cnnforge.testing.images import write_tiny_images

KINDS = ("worker", "parent", "all")
SETTINGS = ["data.image_size=[24,24]", "training.epochs=4", "training.batch_size=4", "training.precision=float32",
            "architecture.filters=[8,8]", "architecture.dense_units=8", "tuning.confirm=0"]  # fmt: skip


class Search:
    """The command, in a folder of its own; what it says goes into a file beside the study."""

    def __init__(self, folder: Path, name: str, trials: int) -> None:
        self.study = folder / "studies" / name
        self._folder = folder
        self._command = [sys.executable, "-m", "cnnforge", "tune", "directory-cnn", "--data", str(folder / "images")]
        self._command += ["--name", name, "--algorithm", "random", "--trials", str(trials)]
        self._command += ["--search", "architecture.filters", "--search", "training.learning_rate"]
        self._command += [part for setting in SETTINGS for part in ("--set", setting)]
        self.log = folder / f"{name}.log"

    def start(self) -> subprocess.Popen[bytes]:
        environ = {**os.environ, "CNNFORGE_CACHE_DIR": str(self._folder / "cache")}
        with self.log.open("ab") as log:
            return subprocess.Popen(self._command, cwd=self._folder, env=environ, stdout=log, stderr=log)

    def finish(self) -> None:
        with self.start() as process:
            assert process.wait(timeout=900) == 0, self.log.read_text()[-3000:]

    def events(self) -> list[dict[str, Any]]:
        path = self.study / "journal.jsonl"
        lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
        return [json.loads(line) for line in lines]

    def running(self) -> str:
        """The trial that was asked for last."""
        return next((event["trial"] for event in reversed(self.events()) if event["event"] == "ask"), "")

    def result(self) -> dict[str, Any]:
        """What was found, but for times and retries, and what the journal asked and told, in order."""
        found = json.loads((self.study / "study.json").read_text(encoding="utf-8"))
        trials = [{k: v for k, v in t.items() if k not in ("seconds", "num_retries")} for t in found["trials"]]
        told = {kind: [e["trial"] for e in self.events() if e["event"] == kind] for kind in ("ask", "tell")}
        best = (self.study / "best.toml").read_text(encoding="utf-8").replace(str(self.study), "")
        return {"status": found["status"], "best": found["best"], "recipe": best, "trials": trials, **told}


def workers_of(process: int) -> Iterator[int]:
    """Yield the processes that a search has started for trials."""
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            is_child = f"\nPPid:\t{process}\n" in status.read_text(encoding="utf-8")
            if is_child and b"spawn_main" in status.with_name("cmdline").read_bytes():
                yield int(status.parent.name)


def kill(kind: str, process: subprocess.Popen[bytes]) -> bool:
    """Kill; return whether there was what should be killed."""
    workers = list(workers_of(process.pid))
    if kind == "worker" and not workers:
        return False
    if kind != "worker":
        process.kill()
    if kind != "parent":
        for worker in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
    if kind != "worker":
        process.wait()
    return True


def is_examining(process: subprocess.Popen[bytes]) -> bool:
    """Return whether the command ends because the worker that examines the recipe for it was killed."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.wait(timeout=5) != 0
    return False


def torment(search: Search, generator: random.Random, kills: int, longest: float) -> Counter[str]:
    """Search, killing up to so many times; return how often what was killed."""
    done, tried_once_more = Counter[str](), set[str]()
    process = search.start()
    while done.total() < kills:
        kind, deadline = generator.choice(KINDS), time.monotonic() + generator.uniform(0.5, longest)
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        if process.poll() is not None:
            break
        trial = search.running()
        kind = "all" if kind == "worker" and trial in tried_once_more else kind
        if kill(kind, process):
            done[kind] += 1
            tried_once_more |= {trial} if kind == "worker" else set()
            print(f"{search.study.name}: kill {done.total()}, {kind}; the last trial is {trial or 'none'}", flush=True)
        if kind != "worker" or is_examining(process):
            process = search.start()
    code = process.wait(timeout=900)
    assert code == 0, search.log.read_text()[-3000:]
    return done


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trials", type=int, default=6)
    options = parser.parse_args()
    generator, done, number = random.Random(options.seed), Counter[str](), 0
    with tempfile.TemporaryDirectory(prefix="cnnforge-study-kills-") as name:
        folder = Path(name)
        write_tiny_images(folder / "images")
        reference, start = Search(folder, "reference", options.trials), time.monotonic()
        reference.finish()
        seconds = time.monotonic() - start
        print(f"{seconds:.0f} s uninterrupted, {options.trials} trials", flush=True)
        expected = reference.result()
        while done.total() < options.kills:
            search = Search(folder, f"study-{number}", options.trials)
            done += torment(search, generator, options.kills - done.total(), 2 * seconds / options.trials)
            found, number = search.result(), number + 1
            differing = [key for key in expected if found[key] != expected[key]]
            assert not differing, {key: (expected[key], found[key]) for key in differing}
    print(f"{done.total()} kills ({dict(done)}) of {number} studies: equal to the uninterrupted one")


if __name__ == "__main__":
    main()
