"""The executor ``local``: a fresh process a task, whose end ends nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cnnforge.errors import RecipeError
from cnnforge_tuning import local
from cnnforge_tuning.local import LocalExecutor, WorkerDiedError
from tests.unit.tuning import tasks


@pytest.fixture
def executor():
    with LocalExecutor(2) as executor:
        yield executor


def test_each_task_has_a_process_of_its_own_and_its_share_of_the_processors(executor):
    found = [future.result() for future in [executor.submit(tasks.where) for _ in range(3)]]
    assert len({pid for pid, _, _ in found} | {os.getpid()}) == 4
    if hasattr(os, "sched_getaffinity") and len(os.sched_getaffinity(0)) >= 2:
        shares = {tuple(processors) for _, processors, _ in found}
        assert len(shares) == 2
        assert not set.intersection(*map(set, shares))


def test_a_result_and_an_error_come_back_as_they_are(executor):
    assert executor.submit(tasks.add, 2, second=3).result() == 5
    with pytest.raises(RecipeError, match="expected less") as caught:
        executor.submit(tasks.refuse).result()
    assert caught.value.hint == "less"
    with pytest.raises(RuntimeError, match="Unpicklable: 1 2"):
        executor.submit(tasks.raise_unpicklable).result()


def test_a_worker_that_ends_is_one_failed_task(executor):
    ends = {how: executor.submit(tasks.leave, how) for how in ("sys.exit", "os._exit", "kill")}
    after = executor.submit(tasks.add, 1, 1)
    with pytest.raises(RuntimeError, match="SystemExit: 3"):
        ends["sys.exit"].result()
    for how, kind, words in (("os._exit", "exited", "exit code 3"), ("kill", "killed", "SIGKILL")):
        with pytest.raises(WorkerDiedError, match=words) as caught:
            ends[how].result()
        assert caught.value.kind == kind
    assert after.result() == 2


def test_stopping_asks_the_running_tasks_to_save_and_drops_those_that_wait(tmp_path: Path):
    executor = LocalExecutor(1)
    running, waiting = executor.submit(tasks.wait_for_signal, str(tmp_path / "ready")), executor.submit(tasks.add, 1, 1)
    wait_until((tmp_path / "ready").exists)
    executor.shutdown(cancel_futures=True)
    assert running.result() == "stopped"
    assert waiting.cancelled()


def test_workers_end_with_their_parent_however_it_ends(tmp_path: Path):
    code = (
        "from cnnforge_tuning.local import LocalExecutor; from tests.unit.tuning import tasks\n"
        "if __name__ == '__main__':\n"
        f"    LocalExecutor(1).submit(tasks.note_pid_and_wait, {str(tmp_path / 'pid')!r}).result()\n"
    )
    script = tmp_path / "parent.py"
    script.write_text(code)
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(["", *sys.path])}
    with subprocess.Popen([sys.executable, str(script)], env=environ) as parent:
        wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
        parent.kill()
    worker = int((tmp_path / "pid").read_text())
    wait_until(lambda: not is_alive(worker))
    assert not is_alive(worker)


def test_locks_that_a_task_leaves_behind_are_not_called_leaked(tmp_path: Path):
    script = tmp_path / "parent.py"
    script.write_text(
        "from cnnforge_tuning.local import LocalExecutor; from tests.unit.tuning import tasks\n"
        "if __name__ == '__main__':\n"
        "    with LocalExecutor(1) as executor:\n"
        "        executor.submit(tasks.keep_a_lock).result()\n"
    )
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(["", *sys.path])}
    done = subprocess.run([sys.executable, str(script)], env=environ, capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_gpus_are_shared_out(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    environs = [slot.environ for slot in local._slots(3)]
    assert [environ["CUDA_VISIBLE_DEVICES"] for environ in environs] == ["0", "1", "0"]
    assert all(environ["TF_FORCE_GPU_ALLOW_GROWTH"] == "true" for environ in environs)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3")
    assert [slot.environ for slot in local._slots(2)] == [{"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "1"}]


def test_more_workers_than_processors_are_pinned_to_none(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    assert [slot.processors for slot in local._slots(3)] == [[], [], []]
    assert [slot.processors for slot in local._slots(2)] == [[0], [1]]


def test_where_threads_cannot_be_pinned_their_number_is_limited(monkeypatch):
    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    monkeypatch.setattr(local, "num_processors", lambda: 8)
    assert local._slots(4)[0].environ["TF_NUM_INTRAOP_THREADS"] == "2"


def wait_until(is_true) -> None:
    deadline = time.monotonic() + 120
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:  # a process that has ended may wait for somebody to ask how
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return sys.platform != "linux"
