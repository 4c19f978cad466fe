"""The executor ``local``: each task in a fresh process on this machine, pinned to its share of cores or to its GPU.

A process a task, because no framework gives all memory back, and because a task that is killed, or ends the
interpreter, must end nothing else.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import queue
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, TypeVar

from cnnforge.system import attempt, num_processors
from cnnforge_tuning.settings import LocalOptions

T = TypeVar("T")


def start(options: LocalOptions, *, directory: Path) -> LocalExecutor:  # noqa: ARG001 - one machine sees one disk
    """Return the executor."""
    return LocalExecutor(options.workers)


class WorkerDiedError(Exception):
    """A worker's process ended without a result; ``kind`` says how in a word."""

    def __init__(self, exit_code: int) -> None:
        self.kind = "killed" if exit_code < 0 else "exited"
        if exit_code < 0:
            name = signal.Signals(-exit_code).name
            hint = " (as the system does when memory runs out)" if name == "SIGKILL" else ""
            super().__init__(f"its process was ended by {name}{hint}")
        else:
            super().__init__(f"its process ended with exit code {exit_code}")


class LocalExecutor(Executor):
    """Runs each task in a fresh process.

    Args:
        workers: Tasks at a time; each gets that share of the processors, or of the GPUs.
    """

    def __init__(self, workers: int) -> None:
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="worker")
        self._slots: queue.SimpleQueue[_Slot] = queue.SimpleQueue()
        for slot in _slots(workers):
            self._slots.put(slot)
        self._processes: set[BaseProcess] = set()
        self._lock = threading.Lock()

    def submit(self, function: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Return the future result of ``function(*args, **kwargs)``, which is imported by its name."""
        return self._threads.submit(self._run, function, args, kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End; with ``cancel_futures`` ask the running tasks to save and stop, as Ctrl-C does."""
        if cancel_futures:
            with self._lock:
                for process in self._processes:
                    if process.pid is not None and process.is_alive():
                        os.kill(process.pid, signal.SIGINT)
        self._threads.shutdown(wait, cancel_futures=cancel_futures)

    def _run(self, function: Callable[..., T], args: Any, kwargs: Any) -> T:
        slot = self._slots.get()
        try:
            return self._run_in(slot, function, args, kwargs)
        finally:
            self._slots.put(slot)

    def _run_in(self, slot: _Slot, function: Callable[..., T], args: Any, kwargs: Any) -> T:
        context = multiprocessing.get_context("spawn")
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_serve, args=(sender, slot, pickle.dumps((function, args, kwargs))))
        with self._lock:
            process.start()
            self._processes.add(process)
        sender.close()
        try:
            error, result = receiver.recv()
        except (EOFError, OSError):
            error, result = None, None
            process.join()
            raise WorkerDiedError(process.exitcode or 0) from None
        finally:
            receiver.close()
            process.join()
            with self._lock:
                self._processes.discard(process)
                process.close()
        if error is not None:
            raise error
        value: T = result
        return value


class _Slot:
    """A worker's share of the machine: its processors (empty: any) and environment variables."""

    def __init__(self, processors: list[int], environ: dict[str, str]) -> None:
        self.processors = processors
        self.environ = environ

    def take(self) -> None:
        """Confine this process to the share; TensorFlow, not yet imported, then counts no more processors."""
        os.environ.update(self.environ)
        if self.processors and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, self.processors)


def _slots(workers: int) -> list[_Slot]:
    gpus = _gpus()
    return [_Slot(_processors(number, workers), _environ(number, workers, gpus)) for number in range(workers)]


def _processors(number: int, workers: int) -> list[int]:
    if not hasattr(os, "sched_getaffinity"):
        return []
    available = sorted(os.sched_getaffinity(0))
    return available[number % len(available) :: workers] if workers <= len(available) else []


def _environ(number: int, workers: int, gpus: list[str]) -> dict[str, str]:
    found = {}
    if gpus:
        found["CUDA_VISIBLE_DEVICES"] = gpus[number % len(gpus)]
    if workers > len(gpus):
        found["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
    if workers > 1 and not hasattr(os, "sched_setaffinity"):
        share = str(max(1, num_processors() // workers))
        found |= {"TF_NUM_INTRAOP_THREADS": share, "TF_NUM_INTEROP_THREADS": share, "OMP_NUM_THREADS": share}
    return found


def _gpus() -> list[str]:
    """Return the NVIDIA GPUs that this process may use, found without importing a framework."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [gpu for gpu in chosen.split(",") if gpu.strip()]
    return sorted(path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*"))


def _serve(sender: Connection, slot: _Slot, pickled: bytes) -> None:
    """Run a task in this process, send its result or its exception, and end at once.

    Without the interpreter's way out, on which TensorFlow takes its time and complains of threads that are gone.
    """
    if hasattr(os, "setpgrp"):
        os.setpgrp()  # Ctrl-C in the terminal is for the parent, which passes it on
    threading.Thread(target=_end_with_parent, daemon=True).start()
    slot.take()
    sender.send(attempt(_call, [pickled], {}))
    _give_semaphores_back()
    os._exit(0)


def _give_semaphores_back() -> None:
    """Do of the way out what is missed: Python would warn of semaphores, such as Keras's, that are left behind."""
    from multiprocessing import synchronize, util

    for finalizer in list(util._finalizer_registry.values()):  # type: ignore[attr-defined] # noqa: SLF001
        if finalizer._callback is synchronize.SemLock._cleanup:  # type: ignore[attr-defined] # noqa: SLF001
            finalizer()


def _call(pickled: bytes) -> Any:
    function, args, kwargs = pickle.loads(pickled)  # noqa: S301 - from our own parent process
    return function(*args, **kwargs)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
