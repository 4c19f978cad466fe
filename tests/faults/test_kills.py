"""``kill -9`` at any moment: a resumed run ends with the same bits, and a checkpoint is never half there."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


def drive(module: str, *arguments: str, timeout: int, **environ: str) -> str:
    """Run a driver in a process of its own, since it forks and this one may have used TensorFlow."""
    command = [sys.executable, "-m", f"tests.faults.{module}", *arguments]
    done = subprocess.run(
        command, env={**os.environ, **environ}, capture_output=True, text=True, timeout=timeout, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_run_killed_anywhere_and_resumed_is_equal_to_the_last_bit() -> None:
    output = drive("kills", "--kills", "5", "--seed", "0", timeout=900)
    assert output.count("of 5 killed") == 5


@pytest.mark.faults
def test_a_killed_run_of_keras_on_jax_is_equal_to_the_last_bit_too() -> None:
    pytest.importorskip("jax")
    output = drive("kills", "--kills", "3", "--seed", "2", timeout=900, KERAS_BACKEND="jax")
    assert output.count("of 3 killed") == 3


def test_a_checkpoint_is_whole_whenever_the_process_that_saves_is_killed() -> None:
    assert "the newest was always whole" in drive("saves", "--kills", "30", timeout=300)


@pytest.mark.faults
def test_fifty_runs_killed_at_random_are_equal_to_the_last_bit() -> None:
    assert "different" not in drive("kills", "--kills", "50", "--seed", "1", timeout=3600)


@pytest.mark.faults
def test_two_hundred_kills_during_saving_leave_no_damage() -> None:
    assert "200 kills" in drive("saves", "--kills", "200", "--seed", "1", timeout=1200)


@pytest.mark.faults
@pytest.mark.skipif(sys.platform != "linux", reason="finds the workers in /proc")
def test_a_search_killed_twenty_times_is_equal_to_one_that_never_was() -> None:
    output = drive("study_kills", "--kills", "20", "--seed", "0", timeout=3600)
    assert "20 kills" in output
    assert "equal to the uninterrupted one" in output
