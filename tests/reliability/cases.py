"""The catalogue of cases, which tests are of which, and the plugin of pytest that runs those alone.

    python -m pytest -p tests.reliability.cases --outcomes outcomes.json tests

This imports nothing of CNNForge: pytest wants to be there first.
"""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

CATALOGUE: dict[str, dict[str, list[str]]] = tomllib.loads(
    Path(__file__).with_name("catalogue.toml").read_text(encoding="utf-8")
)
_CASE = re.compile(r"(?<![a-z])(IMG|DIR|ARC|CFG|TRN|PLG|TUN|MOD|SRV)(\d\d)(?!\d)", re.IGNORECASE)


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


_outcomes: dict[str, set[str]] = {}


def pytest_addoption(parser: Any) -> None:
    parser.addoption("--outcomes", metavar="PATH", help="where to write how each test of the catalogue ended")


def pytest_collection_modifyitems(config: Any, items: list[Any]) -> None:
    chosen = [item for item in items if cases_of(item.nodeid)]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(chosen)])
    items[:] = chosen


def pytest_runtest_logreport(report: Any) -> None:
    if report.when == "call" or report.outcome != "passed":
        _outcomes.setdefault(report.nodeid, set()).add(report.outcome)


def pytest_sessionfinish(session: Any) -> None:
    path = session.config.getoption("--outcomes")
    Path(path).write_text(json.dumps({test: sorted(ended) for test, ended in _outcomes.items()}), encoding="utf-8")
