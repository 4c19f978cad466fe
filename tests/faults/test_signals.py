"""Signals: once saves and stops with the code that belongs to it, twice stops at once; a resumed run is the same."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable

import pytest

from cnnforge.running.checkpoints import newest_checkpoint
from cnnforge.running.run_dir import RunDir
from tests.faults.conftest import Shell
from tests.faults.kills import differences

pytestmark = pytest.mark.slow


def assert_saved_at(directory: RunDir, epoch: int, batch: int) -> None:
    found = newest_checkpoint(directory.checkpoints, pytest.fail)
    assert found is not None
    assert (found.epoch, found.batch) == (epoch, batch)
    assert directory.read_run()["status"] == "interrupted"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("sigterm", 143),
        pytest.param("ctrl_c", 130, marks=pytest.mark.faults),
        pytest.param("sighup", 143, marks=pytest.mark.faults),
    ],
)
def test_a_signal_saves_and_the_resumed_run_ends_equal(
    shell: Shell, uninterrupted: Callable[[], RunDir], fault: str, code: int
) -> None:
    stopped = shell.start(fault=f"{fault} 1 4")
    assert stopped.returncode == code, stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert f"cnnforge run --resume {shell.directory.path.relative_to(shell.folder)}" in stopped.stderr
    assert_saved_at(shell.directory, 1, 5)
    resumed = shell.resume()
    assert resumed.returncode == 0, resumed.stderr
    assert "after 1 epochs and 5 batches" in resumed.stdout
    assert "last bit" not in resumed.stdout
    assert differences(uninterrupted(), shell.directory) == []


@pytest.mark.faults
def test_a_run_that_was_stopped_and_continued_ends_equal(shell: Shell, uninterrupted: Callable[[], RunDir]) -> None:
    command = shell.command("small.toml", "--name", "r")
    with subprocess.Popen(
        command, cwd=shell.folder, env=shell.environment("stopped 1 4"), stdout=subprocess.DEVNULL
    ) as process:
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        process.send_signal(signal.SIGCONT)
        assert process.wait(600) == 0
    assert differences(uninterrupted(), shell.directory) == []


@pytest.mark.faults
@pytest.mark.parametrize("fault", ["clock_back", "clock_forward"])
def test_a_clock_that_jumps_changes_nothing(shell: Shell, uninterrupted: Callable[[], RunDir], fault: str) -> None:
    done = shell.start(fault=f"{fault} 1 4")
    assert done.returncode == 0, done.stderr
    assert differences(uninterrupted(), shell.directory) == []
    assert 0 < shell.directory.read_run()["seconds"]["total"] < 600


@pytest.mark.faults
def test_ctrl_c_twice_stops_at_once_and_what_was_saved_before_is_there(shell: Shell) -> None:
    stopped = shell.start(fault="ctrl_c_twice 1 4")
    assert stopped.returncode == 130
    assert "Traceback" not in stopped.stderr
    assert_saved_at(shell.directory, 1, 3)  # a checkpoint every three steps


@pytest.mark.faults
def test_a_process_started_to_ignore_hangups_goes_on(shell: Shell) -> None:
    command = ["nohup", *shell.command("small.toml", "--name", "r")]
    done = subprocess.run(
        command, cwd=shell.folder, env=shell.environment("sighup 1 4"), capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    assert shell.directory.read_run()["status"] == "finished"
