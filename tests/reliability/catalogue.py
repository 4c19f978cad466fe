"""Figure 3: the cases of the catalogue of bad inputs and faults that have tests, and whether those pass."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.reliability.cases import CATALOGUE, cases_of
from tests.reliability.figure import Figure, read_kept, share

ROOT = Path(__file__).resolve().parents[2]
_FIGURE = "figure "


def measure(seed: int) -> Figure:
    outcomes = run(["tests", "plugins/cnnforge-keras-files/tests"])
    for test in [test for test, ended in outcomes.items() if "skipped" in ended]:
        outcomes[test] = [unprivileged(test)]
    return figure(outcomes)


def run(paths: Sequence[str]) -> dict[str, list[str]]:
    """Run the tests of the catalogue that lie there, and return how each ended."""
    with tempfile.TemporaryDirectory(prefix="cnnforge-catalogue-") as folder:
        path = Path(folder) / "outcomes.json"
        options = ["-q", "--no-header", "-m", "not photographs", "-p", "no:cacheprovider", "--outcomes", str(path)]
        command = [sys.executable, "-m", "pytest", "-p", "tests.reliability.cases", *options, *paths]
        subprocess.run(command, cwd=ROOT, check=False)
        found: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8"))
    return found


def unprivileged(test: str) -> str:
    """Run a test that the superuser skips without the privilege to read and write everything; return how it ended."""
    setpriv = shutil.which("setpriv")
    if setpriv is None or os.geteuid() != 0:
        return "skipped"
    command = [setpriv, "--bounding-set=-dac_override,-dac_read_search", sys.executable, "-m", "pytest", "-q", test]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return "passed" if done.returncode == 0 and " skipped" not in done.stdout else "skipped"


def verdicts(outcomes: Mapping[str, Iterable[str]], kept: Mapping[str, Any]) -> dict[str, str]:
    """Return ``passed``, ``failed``, ``skipped`` or ``missing`` for each case that is said to be tested.

    Args:
        outcomes: How each test ended.
        kept: The other figures, by number.
    """
    found: dict[str, set[str]] = {case: set() for case in CATALOGUE["tested"]}
    for test, ended in outcomes.items():
        for case in cases_of(test):
            found[case] |= set(ended)
    for case, (_, *patterns) in CATALOGUE["tested"].items():
        for pattern in patterns:
            if pattern.startswith(_FIGURE):
                record = kept.get(pattern.removeprefix(_FIGURE))
                found[case].add("passed" if record and record["is_met"] else "failed")
    worst = ("failed", "skipped", "passed")
    return {case: next((word for word in worst if word in ended), "missing") for case, ended in found.items()}


def figure(outcomes: Mapping[str, Iterable[str]]) -> Figure:
    """Return the figure that follows from how the tests ended."""
    found = verdicts(outcomes, read_kept())
    passed = [case for case, verdict in found.items() if verdict == "passed"]
    num_rows = sum(map(len, CATALOGUE.values()))
    num_apply = num_rows - len(CATALOGUE["inapplicable"])
    return Figure(
        ours=share(len(passed), num_apply),
        theirs="what plain Keras does in 17 of them is figure 4",
        count=f"{num_rows} cases, of which {num_apply} apply; {len(CATALOGUE['tested'])} have some of {len(outcomes)}"
        " tests",
        is_met=len(passed) == num_apply,
        note="; ".join(f"{case} {verdict}" for case, verdict in found.items() if verdict != "passed"),
        details={
            kind: {case: ": ".join(row) for case, row in CATALOGUE[kind].items()}
            for kind in ("untested", "inapplicable")
        },
    )
