"""Figure 3: the cases of the catalogue of bad inputs and faults that have tests, and whether those pass."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.reliability.figure import Figure, read_kept, share

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE: dict[str, dict[str, list[str]]] = tomllib.loads(
    Path(__file__).with_name("catalogue.toml").read_text(encoding="utf-8")
)
_CASE = re.compile(r"(?<![a-z])(IMG|DIR|ARC|CFG|TRN|PLG|TUN|MOD|SRV)(\d\d)(?!\d)", re.IGNORECASE)
_FIGURE = "figure "


def cases_of(test: str) -> set[str]:
    """Return the cases that a test, named by its id, is of."""
    path = test.removeprefix("tests/")
    named = {f"{letters.upper()}{digits}" for letters, digits in _CASE.findall(path)} & CATALOGUE["tested"].keys()
    return named | {
        case
        for case, (_, *patterns) in CATALOGUE["tested"].items()
        if any(path.startswith(pattern) and _ends_a_name(path, pattern) for pattern in patterns)
    }


def _ends_a_name(path: str, pattern: str) -> bool:
    return "[" in pattern or path[len(pattern) : len(pattern) + 1] in {"", "[", ":"}


class Recorder:
    """A plugin of pytest that runs the tests of the catalogue alone and remembers how each ended."""

    def __init__(self) -> None:
        self.outcomes: dict[str, set[str]] = defaultdict(set)

    def pytest_collection_modifyitems(self, config: Any, items: list[Any]) -> None:
        chosen = [item for item in items if cases_of(item.nodeid)]
        config.hook.pytest_deselected(items=[item for item in items if item not in set(chosen)])
        items[:] = chosen

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.when == "call" or report.outcome != "passed":
            self.outcomes[report.nodeid].add(report.outcome)


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


def measure(seed: int) -> Figure:
    recorder = Recorder()
    pytest.main(
        ["-q", "--no-header", "-m", "not photographs", "-p", "no:cacheprovider", str(ROOT / "tests")], [recorder]
    )
    for test in [test for test, ended in recorder.outcomes.items() if "skipped" in ended]:
        recorder.outcomes[test] = {as_nobody(test)}
    found = verdicts(recorder.outcomes, read_kept())
    passed = [case for case, verdict in found.items() if verdict == "passed"]
    num_rows = sum(map(len, CATALOGUE.values()))
    num_apply = num_rows - len(CATALOGUE["inapplicable"])
    return Figure(
        ours=share(len(passed), num_apply),
        theirs="not one system's test: figure 4 has those cases in which plain Keras goes wrong without a word",
        count=f"{num_rows} cases, of which {num_apply} apply; {len(recorder.outcomes)} tests",
        is_met=len(passed) == num_apply,
        note="; ".join(f"{case} {verdict}" for case, verdict in found.items() if verdict != "passed"),
        details={
            kind: {case: ": ".join(row) for case, row in CATALOGUE[kind].items()}
            for kind in ("untested", "inapplicable")
        },
    )


def as_nobody(test: str) -> str:
    """Run a test as a user whom permissions bind, and return how it ended: the superuser skips it."""
    if os.name == "nt" or os.geteuid() != 0:
        return "skipped"
    with tempfile.TemporaryDirectory(prefix="cnnforge-nobody-") as folder:
        os.chmod(folder, 0o777)  # noqa: PTH101
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--basetemp",
            f"{folder}/tests",
            test,
        ]
        environ = {**os.environ, "HOME": folder, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            command, cwd=ROOT, env=environ, user=65534, group=65534, extra_groups=[], capture_output=True, text=True
        )
    return "passed" if done.returncode == 0 and " skipped" not in done.stdout else "skipped"
