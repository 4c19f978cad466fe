"""Faults while files are written: a few of those that `make reliability` brings about by the thousand."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.reliability.artefacts import ARTEFACTS, CARELESS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def survived() -> dict[str, tuple[int, int, str]]:
    """How many faults each artefact survived, of how many, and what else became of it."""
    command = [sys.executable, "-m", "tests.reliability.writes", "--faults", "6", "--seed", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)  # it forks; this process may not
    assert done.returncode == 0, done.stderr
    found = re.findall(r"^(.+): (\d+) of (\d+) (.*)$", done.stdout, re.MULTILINE)
    return {name: (int(some), int(all_), torn) for name, some, all_, torn in found}


@pytest.mark.parametrize("name", [artefact.name for artefact in ARTEFACTS])
def test_after_a_fault_there_is_the_old_file_or_the_new_one(
    survived: dict[str, tuple[int, int, str]], name: str
) -> None:
    some, all_, torn = survived[name]
    assert (some, all_) == (6, 6), torn


def test_the_faults_tear_a_file_that_is_written_without_care(survived: dict[str, tuple[int, int, str]]) -> None:
    some, all_, _ = survived[CARELESS.name]
    assert some < all_
