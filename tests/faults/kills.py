"""Kills runs with ``kill -9`` at chosen moments, resumes them, and compares with a run that was never interrupted.

A moment is the n-th of all the times that a run opens, renames or removes a file in its directory, or begins or ends
a batch. Their number and order are the same every time, so a seed repeats the same kills. Between such moments, in
the middle of a step or a write, only a clock can kill: those moments are seeded too, but repeat only roughly.

    python -m tests.faults.kills --kills 60 --seed 0

Every run is the command line's, in a process of its own, forked from one that has imported Keras already.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cnnforge.network.arrays import read_arrays
from cnnforge.running.checkpoints import newest_checkpoint
from cnnforge.running.run_dir import RunDir
from tests.faults.processes import ended

TIMES = {"seconds", "training_seconds", "waiting_seconds", "images_per_second"}
"""What of ``metrics.jsonl`` says how long things took, which no two runs share."""

RECIPE = """
name = "small"
[data]
source = "directory"
path = {data}
image_size = [16, 16]
store = "off"
[architecture]
name = "catsdogs_cnn"
filters = [4, 8]
dense_units = 8
dropout = 0.3
batch_normalization = true
[training]
epochs = 6
batch_size = 8
learning_rate = 0.02
precision = "float32"
augmentation = "standard"
checkpoint_steps = 3
metrics = ["accuracy", "AUC"]
optimizer = {{ name = "adam", use_ema = true, ema_momentum = 0.9 }}
callbacks = [
    {{ name = "EarlyStopping", monitor = "val_loss", patience = 3, restore_best_weights = true }},
    {{ name = "ReduceLROnPlateau", monitor = "val_loss", patience = 0, factor = 0.5 }},
]
"""
EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir"}


def write_recipe(folder: Path, data: Path, text: str = RECIPE) -> Path:
    path = folder / "small.toml"
    path.write_text(text.format(data=json.dumps(str(data))), encoding="utf-8")
    return path


class Runner:
    """Runs the command line in forked processes; one that has imported TensorFlow must not have used it."""

    def __init__(self, recipe: Path, runs_dir: Path) -> None:
        import cnnforge.running.run  # noqa: F401 - once, for all the processes forked from here

        self.recipe = recipe
        self.runs_dir = runs_dir

    def start(self, name: str, kill: Callable[[RunDir], None] | None = None) -> int:
        """Start or, where there is something to resume, resume a run; return its process id."""
        directory = RunDir(self.runs_dir / name)
        given = ["--resume", str(directory.path)] if directory.run_json.exists() else [str(self.recipe), "--name", name]
        process = os.fork()
        if process:
            return process
        with contextlib.suppress(BaseException):
            self._become(["run", *given, "--runs-dir", str(self.runs_dir)], directory, kill)
        os._exit(99)

    def _become(self, arguments: list[str], directory: RunDir, kill: Callable[[RunDir], None] | None) -> None:
        with (self.runs_dir / f"{directory.path.name}.log").open("ab", buffering=0) as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        if kill is not None:
            kill(directory)
        sys.argv = ["cnnforge", *arguments, "--traceback"]
        from cnnforge.cli.console import main

        try:
            main()
        except SystemExit as done:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(int(done.code or 0))

    def run(self, name: str, kill: Callable[[RunDir], None] | None = None) -> int:
        """Run to the end, or to the kill; return the exit code, negative for a signal."""
        return ended(self.start(name, kill))

    def run_for(self, name: str, seconds: float) -> int:
        """Run, and kill after so many seconds."""
        return ended(self.start(name), seconds)


class At:
    """Kills the process it is called in at its n-th moment; with no number it only counts, into ``count``."""

    def __init__(self, number: int | None, count: Path | None = None) -> None:
        self.number = number
        self.count = count
        self._seen: list[str] = []

    def __call__(self, directory: RunDir) -> None:
        folder = str(directory.path)

        def audit(event: str, arguments: tuple[Any, ...]) -> None:
            if event in EVENTS and isinstance(arguments[0], str | Path) and str(arguments[0]).startswith(folder):
                self.pass_by(f"{event} {Path(arguments[0]).suffix}")

        sys.addaudithook(audit)
        self._hear_of_batches()

    def _hear_of_batches(self) -> None:
        from cnnforge.training.callbacks import StopOnDivergence

        for name in ("on_train_batch_begin", "on_train_batch_end", "on_test_batch_begin", "on_test_batch_end"):
            original = getattr(StopOnDivergence, name)

            def heard(callback: Any, batch: int, logs: Any = None, name: str = name, original: Any = original) -> None:
                self.pass_by(name)
                original(callback, batch, logs)

            setattr(StopOnDivergence, name, heard)

    def pass_by(self, moment: str) -> None:
        if self.count is not None and not self.count.name.startswith("."):
            self._seen.append(moment)
            hidden = self.count.with_name(f"{self.count.name}.new")
            hidden.write_text("\n".join(self._seen), encoding="utf-8")
            hidden.replace(self.count)
        elif self.number is not None:
            self.number -= 1
            if self.number < 0:
                os.kill(os.getpid(), signal.SIGKILL)


def differences(one: RunDir, other: RunDir) -> list[str]:
    """Return what of two finished runs is not equal to the last bit; times and the log are not compared."""
    found = [
        name
        for name in ("manifest.jsonl", "evaluation.json", "predictions.csv", "recipe.toml", "augmentation.jpg")
        if (one.path / name).read_bytes() != (other.path / name).read_bytes()
    ]
    pictures = [{p.name: p.read_bytes() for p in run.mistakes.iterdir()} for run in (one, other)]
    found += ["mistakes"] if pictures[0] != pictures[1] else []
    found += ["metrics.jsonl"] if _history(one) != _history(other) else []
    facts = [{key: run.read_run()[key] for key in ("best_epoch", "data", "model", "precision")} for run in (one, other)]
    found += ["run.json"] if facts[0] != facts[1] else []
    return found + _state_differences(one, other)


def _history(run: RunDir) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in run.metrics.read_text(encoding="utf-8").splitlines()]
    return [{key: value for key, value in line.items() if key not in TIMES} for line in lines]


def _state_differences(one: RunDir, other: RunDir) -> list[str]:
    checkpoints = [newest_checkpoint(run.checkpoints, lambda text: None) for run in (one, other)]
    assert checkpoints[0] is not None
    assert checkpoints[1] is not None
    found = _array_differences("best weights", one.best_weights, other.best_weights)
    found += _array_differences("state", checkpoints[0].state, checkpoints[1].state)
    facts = [
        {key: checkpoint.facts[key] for key in ("epoch", "batch", "is_stopped", "identity")}
        | {"callbacks": [item for item in checkpoint.facts["callbacks"] if item["class"] != "MetricsLog"]}
        for checkpoint in checkpoints
    ]
    for fact in facts:
        for item in fact["callbacks"]:  # the file's hash covers names that Keras makes up
            item["state"].pop("weights", None)
    return found + (["checkpoint"] if facts[0] != facts[1] else [])


def _array_differences(what: str, one: Path, other: Path) -> list[str]:
    first, second = read_arrays(one), read_arrays(other)
    if list(first) != list(second):
        return [f"{what}: other arrays"]
    return [
        f"{what}: {name}"
        for name in first
        if first[name].dtype != second[name].dtype or not np.array_equal(first[name], second[name], equal_nan=True)
    ]


@contextlib.contextmanager
def workplace(text: str = RECIPE) -> Iterator[Runner]:
    """Yield a runner with a recipe and photographs of its own."""
    from tests.e2e.test_run import make_photographs

    with tempfile.TemporaryDirectory(prefix="cnnforge-kills-") as name:
        folder = Path(name)
        data = make_photographs(folder / "data", ["apple", "pear"], 40)
        (folder / "runs").mkdir()
        yield Runner(write_recipe(folder, data, text), folder / "runs")


KINDS = ("in a batch", "in validation", "at a file while training", "at a file afterwards", "by the clock")


def by_kind(moments: list[str]) -> dict[str, list[int]]:
    """Return the numbers of the moments of each kind."""
    last_batch = max(number for number, moment in enumerate(moments) if moment.startswith("on_test"))
    files = [number for number, moment in enumerate(moments) if not moment.startswith("on_")]
    return {
        "in a batch": [number for number, moment in enumerate(moments) if moment.startswith("on_train")],
        "in validation": [number for number, moment in enumerate(moments) if moment.startswith("on_test")],
        "at a file while training": [number for number in files if number < last_batch],
        "at a file afterwards": [number for number in files if number > last_batch],
    }


def measure(kills: int, seed: int) -> Counter[tuple[str, str]]:
    """Kill runs and resume them; return how often each kind of kill had which outcome."""
    generator = random.Random(seed)
    outcomes: Counter[tuple[str, str]] = Counter()
    with workplace() as runner:
        start = time.monotonic()
        assert runner.run("reference") == 0, (runner.runs_dir / "reference.log").read_text(encoding="utf-8")
        seconds = time.monotonic() - start
        counted = runner.runs_dir / "moments.txt"
        assert runner.run("counted", At(None, counted)) == 0
        moments = counted.read_text(encoding="utf-8").splitlines()
        print(f"{seconds:.1f} s a run; its moments: {Counter(moments).most_common()}", flush=True)
        for number in range(kills):
            kind, name = KINDS[number % len(KINDS)], f"run-{number}"
            outcomes[kind, _outcome(runner, name, kind, generator, moments, seconds)] += 1
            shutil.rmtree(runner.runs_dir / name, ignore_errors=True)
    return outcomes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=60, help="runs that are killed, each once to three times")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    outcomes = measure(options.kills, options.seed)
    for (kind, outcome), times in sorted(outcomes.items()):
        print(f"{times} of {options.kills} killed {kind}: {outcome}")
    sys.exit(any(outcome != EQUAL for _, outcome in outcomes))


EQUAL = "equal to the last bit"


def _outcome(runner: Runner, name: str, kind: str, generator: random.Random, moments: list[str], seconds: float) -> str:
    """Kill a run, perhaps again after it is resumed, resume it to the end, and return what became of it."""
    kills, code = [], 0
    for _ in range(generator.choice([1, 1, 2, 3])):
        if kind == "by the clock":
            after = generator.uniform(0, seconds)
            kills.append(f"{after:.2f} s")
            code = runner.run_for(name, after)
        else:
            number = generator.choice(by_kind(moments)[kind])
            kills.append(f"{number} {moments[number]}")
            code = runner.run(name, At(number))
        if code != -signal.SIGKILL:
            break  # a resumed run may be over before the moment comes
    code = runner.run(name) if code == -signal.SIGKILL else code
    reference, killed = RunDir(runner.runs_dir / "reference"), RunDir(runner.runs_dir / name)
    found = [f"exit code {code}"] if code else differences(reference, killed)
    print(f"{name}: killed at {', then '.join(kills)}: {found or EQUAL}", flush=True)
    if code:
        print((runner.runs_dir / f"{name}.log").read_text(encoding="utf-8")[-3000:])
    return "different" if found else EQUAL


if __name__ == "__main__":
    main()
