"""The contract of executors, to subclass."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, ClassVar

import pytest

from cnnforge.host import ExecutorSpec, import_deferred
from cnnforge.testing.failure import fail
from cnnforge.testing.plugin import PluginContract
from cnnforge.testing.plugin_checks import restored

_SECONDS = 300


class ExecutorContract(PluginContract):
    """What every executor must keep. Subclass it in a class whose name starts with ``Test``, and set ``spec``.

    Attributes:
        spec: The executor, as the plugin's hook returns it.
        options: Options, as a recipe would write them, with which it starts on this machine; {} by default.
    """

    spec: ClassVar[ExecutorSpec]
    options: ClassVar[dict[str, Any]] = {}

    @pytest.fixture
    def executor(self, tmp_path: Path) -> Iterator[Executor]:
        """Return the executor, started; it is shut down after the test."""
        start = import_deferred(self.spec.start, f"executor {self.spec.name!r}")
        with start(restored(self.spec.options, self.options), directory=tmp_path) as started:
            yield started

    def test_returns_what_a_task_returns(self, executor: Executor) -> None:
        pid, found = executor.submit(_double, 21, addend=1).result(_SECONDS)
        if found != 43:
            fail(f"2 * 21 + 1 is {found}", "call the function with all arguments")
        if pid == os.getpid():
            fail("the task ran in this process", "run tasks in processes of their own: one that dies must end no other")

    def test_raises_what_a_task_raises(self, executor: Executor) -> None:
        error = executor.submit(_refuse).exception(_SECONDS)
        if not isinstance(error, ValueError) or str(error) != "no":
            fail(f"a task raises ValueError('no'), its future {error!r}", "see cnnforge.system.attempt")

    def test_a_task_whose_process_dies_is_said_to_be_killed(self, executor: Executor) -> None:
        error = executor.submit(_die).exception(_SECONDS)
        if getattr(error, "kind", "") != "killed":
            fail(f"the process of a task is killed, and its future raises {error!r}", 'set its `kind` to "killed"')
        self.test_returns_what_a_task_returns(executor)

    def test_shutting_down_asks_running_tasks_to_stop(self, executor: Executor, tmp_path: Path) -> None:
        note = tmp_path / "note.txt"
        executor.submit(_wait_for_ctrl_c, str(note))
        deadline = time.monotonic() + _SECONDS
        while not note.exists():
            if time.monotonic() > deadline:
                fail(f"a task does not see {tmp_path}, or did not start", "let every worker see the study's directory")
            time.sleep(0.02)
        executor.shutdown(wait=True, cancel_futures=True)
        if note.read_text(encoding="utf-8") != "stopped":
            fail(
                "a running task is not asked to stop when the executor is shut down with cancel_futures=True",
                "raise KeyboardInterrupt in it, as Ctrl-C does, and wait for it: a trial saves what it has",
            )


def _double(number: int, *, addend: int) -> tuple[int, int]:
    return os.getpid(), 2 * number + addend


def _refuse() -> None:
    raise ValueError("no")


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _wait_for_ctrl_c(note: str) -> None:
    path = Path(note)
    path.touch()
    try:
        time.sleep(_SECONDS)
    except KeyboardInterrupt:
        path.write_text("stopped", encoding="utf-8")
