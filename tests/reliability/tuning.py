"""Figure 6: searches whose workers, main process or all processes are killed, time and again, until they are over."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.test_run import make_photographs
from tests.reliability.figure import Figure
from tests.reliability.shell import Shell, settings

NUM_KILLS = 32
NUM_TRIALS = 8
VICTIMS = ("worker", "main process", "all")
SMALL = ("data.image_size=[24,24]", "training.epochs=3", "training.batch_size=16", "architecture.filters=[8]",
         "training.precision=float32", "training.checkpoint_steps=3", "tuning.confirm=0")  # fmt: skip
SPACE = ["--search", "architecture.dense_units", "--search", "training.learning_rate", "--algorithm", "random"]


@dataclass(frozen=True)
class Verdict:
    """What became of a search: trials that are missing or other than in one that was never killed, and doubled ones."""

    lost: int
    twice: int
    is_equal: bool


class Search:
    """The search, in a folder in which several of it may be made, each alike."""

    def __init__(self, folder: Path, trials: int = NUM_TRIALS) -> None:
        self.shell = Shell(folder)
        self.trials = trials
        self.data = make_photographs(folder / "photographs", ["apple", "pear"], 40)

    def command(self, name: str) -> list[str]:
        given = ["tune", "directory-cnn", "--data", self.data, *settings(*SMALL), *SPACE]
        return self.shell.command(*given, "--trials", self.trials, "--workers", 2, "--name", name)

    def start(self, name: str) -> subprocess.Popen[bytes]:
        with (self.shell.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                self.command(name),
                cwd=self.shell.folder, env=self.shell.environment, stdout=log, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip

    def finish(self, name: str) -> None:
        """Give the command once more and wait until it is over."""
        code = self.start(name).wait(timeout=400)
        assert code == 0, (self.shell.folder / f"{name}.log").read_text(encoding="utf-8")[-2000:]

    def events(self, name: str) -> list[dict[str, Any]]:
        path = self.shell.folder / "studies" / name / "journal.jsonl"
        lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
        return [json.loads(line) for line in lines]

    def may_lose_a_worker(self, name: str) -> bool:
        """Whether no running trial was tried again already: the second time its process is killed it has failed."""
        open_ = Counter(event["trial"] for event in self.events(name) if event["event"] == "ask")
        told = {event["trial"] for event in self.events(name) if event["event"] == "tell"}
        retried = {event["trial"] for event in self.events(name) if event["event"] == "retry"}
        return not retried & (open_.keys() - told)


def measure(seed: int) -> Figure:
    from tests.reliability import plain_tuner

    with tempfile.TemporaryDirectory(prefix="cnnforge-tuning-") as name:
        search = Search(Path(name))
        search.finish("reference")
        victims, studies = kill(search, random.Random(seed), NUM_KILLS)
        verdicts = [verdict(search, study) for study in studies]
    print(f"   {dict(victims)}, {studies}, {verdicts}", flush=True)
    theirs = plain_tuner.measure(seed, NUM_KILLS, NUM_TRIALS)
    survived = sum(v.is_equal for v in verdicts)
    lost, twice = sum(v.lost for v in verdicts), sum(v.twice for v in verdicts)
    return Figure(
        ours=f"{100 * survived / len(verdicts):.4g} %; {lost}; {twice}",
        theirs=f"Keras Tuner: {100 * (1 - theirs['cannot go on'] / theirs['searches']):.4g} %; {theirs['lost']};"
        f" {theirs['twice']} begun again from their first epoch",
        count=f"{sum(victims.values())} kills ({', '.join(f'{n} × {v}' for v, n in victims.items())}) in"
        f" {len(studies)} search{'es' * (len(studies) > 1)} of {NUM_TRIALS} trials; as many in {theirs['searches']} of"
        " Keras Tuner",
        is_met=survived == len(verdicts) and lost == twice == 0,
        details={"kills": dict(victims), "Keras Tuner": theirs},
    )


def kill(search: Search, generator: random.Random, number: int) -> tuple[Counter[str], list[str]]:
    """Kill processes of one search after another, and let the last one end; return how many of which, and the names."""
    victims: Counter[str] = Counter()
    studies = ["study-1"]
    while victims.total() < number:
        before = victims["worker"]
        process = search.start(studies[-1])
        while victims.total() < number and process.poll() is None:
            victim = generator.choice(VICTIMS)
            try:
                process.wait(generator.uniform(1, 6 if victim == "worker" else 11))
            except subprocess.TimeoutExpired:
                victims[kill_one(search, studies[-1], process, victim, generator)] += 1
        code = process.wait(timeout=400)
        # A worker killed before the first trial, while it examines the recipe, ends the command; nothing else may.
        assert code in {0, -signal.SIGKILL} or victims["worker"] > before, (code, studies[-1])
        if code == 0 and victims.total() < number:
            studies.append(f"study-{len(studies) + 1}")
    search.finish(studies[-1])
    return victims, studies


def kill_one(search: Search, name: str, process: subprocess.Popen[bytes], victim: str, generator: random.Random) -> str:
    """Kill a worker, the main process or both, and return which it was."""
    workers = children(process.pid)
    if victim == "worker" and workers and search.may_lose_a_worker(name):
        os.kill(generator.choice(workers), signal.SIGKILL)
        return victim
    if victim == "all":
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return victim
    process.kill()
    process.wait()
    return "main process"


def children(parent: int) -> list[int]:
    """Return the worker processes of a process."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,command="], capture_output=True, text=True, check=True)
    rows = [line.split(None, 2) for line in listed.stdout.splitlines()]
    return [int(pid) for pid, above, command in rows if int(above) == parent and "spawn_main" in command]


def verdict(search: Search, name: str) -> Verdict:
    """Compare a search with the one that was never killed."""
    asked, told = ([event for event in search.events(name) if event["event"] == kind] for kind in ("ask", "tell"))
    reference = trials(search.events("reference"))
    found = trials(search.events(name))
    times = Counter(event["trial"] for event in told) + Counter()
    twice = sum(number > 1 for number in times.values()) + len(asked) - len({event["trial"] for event in asked})
    return Verdict(sum(found.get(trial) != came_to for trial, came_to in reference.items()), twice, found == reference)


def trials(events: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what was asked and what came of it, for each trial."""
    values = {event["trial"]: event["values"] for event in events if event["event"] == "ask"}
    return {
        event["trial"]: (values[event["trial"]], event["status"], event["history"])
        for event in events
        if event["event"] == "tell"
    }
