"""Disks that fill, folders that vanish or become read-only: an exit code, and nothing is lost."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cnnforge.running.checkpoints import newest_checkpoint
from cnnforge.running.run_dir import RunDir
from tests.faults.conftest import WITH_FAULT, Shell
from tests.faults.kills import differences, write_recipe

pytestmark = pytest.mark.slow


def test_a_full_disk_keeps_the_last_good_state_and_the_run_can_go_on(
    shell: Shell, uninterrupted: Callable[[], RunDir]
) -> None:
    stopped = shell.start(fault="full_disk 1 4")
    assert stopped.returncode == 6, stopped.stderr
    assert "cannot write" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    last = newest_checkpoint(shell.directory.checkpoints, pytest.fail)
    assert last is not None
    assert (last.epoch, last.batch) == (1, 3)
    assert not list(shell.directory.path.rglob(".*"))  # no half file is left to fill the disk further
    assert shell.resume().returncode == 0
    assert differences(uninterrupted(), shell.directory) == []


@pytest.mark.faults
def test_a_folder_deleted_while_training_is_said_and_not_made_anew(shell: Shell) -> None:
    stopped = shell.start(fault="deleted 1 4")
    assert stopped.returncode == 6, stopped.stderr
    assert str(shell.directory.path.relative_to(shell.folder)) in stopped.stderr
    assert not shell.directory.path.exists()


@pytest.mark.faults
def test_a_folder_that_may_no_longer_be_written_to_keeps_what_is_there(shell: Shell) -> None:
    stopped = shell.start(fault="read_only 1 4")
    shell.directory.checkpoints.chmod(0o700)
    assert stopped.returncode == 6, stopped.stderr
    assert "Permission denied" in stopped.stderr
    last = newest_checkpoint(shell.directory.checkpoints, pytest.fail)
    assert last is not None
    assert (last.epoch, last.batch) == (1, 3)


def test_a_damaged_newest_checkpoint_gives_way_to_the_one_before(
    shell: Shell, uninterrupted: Callable[[], RunDir]
) -> None:
    assert shell.start(fault="sigterm 1 4").returncode == 143
    newest_state = max(shell.directory.checkpoints.glob("last-*.npz"))
    content = bytearray(newest_state.read_bytes())
    content[len(content) // 2] ^= 1
    newest_state.write_bytes(content)
    resumed = shell.resume()
    assert resumed.returncode == 0, resumed.stderr
    assert f"checkpoint {newest_state.relative_to(shell.folder).with_suffix('.json')} is damaged" in " ".join(
        resumed.stdout.split()
    )
    assert "after 1 epochs and 3 batches" in resumed.stdout
    assert differences(uninterrupted(), shell.directory) == []


@pytest.mark.faults
def test_changed_photographs_are_refused_with_their_names_unless_accepted(shell: Shell, pictures: Path) -> None:
    write_recipe(shell.folder, Path(shutil.copytree(pictures, shell.folder / "photographs")), WITH_FAULT)
    assert shell.start(fault="sigterm 1 4").returncode == 143
    apples = shell.folder / "photographs" / "apple"
    shutil.copy(apples / "0.png", apples / "new.png")
    (apples / "1.png").unlink()
    (apples / "2.png").write_bytes((apples / "3.png").read_bytes())
    refused = shell.resume()
    assert refused.returncode == 3, refused.stderr
    for line in ("1 new: apple/new.png", "1 missing: apple/1.png", "1 changed content: apple/2.png"):
        assert line in refused.stderr
    assert shell.resume("--accept-changes").returncode == 0


@pytest.mark.faults
def test_a_changed_recipe_is_refused_with_the_difference_unless_accepted(shell: Shell) -> None:
    assert shell.start(fault="sigterm 1 4").returncode == 143
    refused = shell.resume("--set", "training.epochs=7")
    assert refused.returncode == 2
    assert "recipe.training.epochs: was 6, is 7" in refused.stderr
    changed = ["--set", "training.epochs=2", "--set", "training.callbacks=['EarlyStopping']", "--accept-changes"]
    assert shell.resume(*changed).returncode == 0
    again = shell.resume()
    assert (again.returncode, "nothing to resume" in again.stdout) == (0, True)


@pytest.mark.faults
def test_a_run_in_the_hands_of_another_process_is_busy(shell: Shell) -> None:
    command = shell.command("small.toml", "--name", "r", "--set", "training.epochs=100000")
    with subprocess.Popen(command, cwd=shell.folder, env=shell.environment(), stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        while b"Network" not in first.stdout.readline():
            assert first.poll() is None
        second = shell.resume()
        first.kill()
    assert second.returncode == 8, second.stderr
    assert f"process {first.pid} on" in second.stderr
    assert shell.resume("--set", "training.epochs=1", "--accept-changes").returncode == 0  # a dead owner's lock is free
