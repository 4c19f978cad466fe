"""Hostile files are refused with an error of CNNForge's and do nothing; good ones of the same kinds are not refused."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


def test_hostile_files_do_nothing_and_good_ones_are_opened() -> None:
    command = [sys.executable, "-m", "tests.reliability.hostile", "weights", "archive", "recipe"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)  # it forks; this process may not
    assert done.returncode == 0, done.stdout + done.stderr
