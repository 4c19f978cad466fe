"""What the executor's tests let workers do; light, so that a worker starts quickly."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from cnnforge.errors import RecipeError


def add(first: int, second: int) -> int:
    return first + second


def where() -> tuple[int, list[int], str]:
    processors = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return os.getpid(), processors, os.environ.get("CUDA_VISIBLE_DEVICES", "")


def refuse() -> None:
    raise RecipeError("expected less", hint="less")


class Unpicklable(Exception):
    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"{first} {second}")


def raise_unpicklable() -> None:
    raise Unpicklable(1, 2)


def keep_a_lock() -> None:
    import multiprocessing

    kept.append(multiprocessing.Lock())


kept: list[object] = []


def leave(how: str) -> None:
    {
        "sys.exit": lambda: sys.exit(3),
        "os._exit": lambda: os._exit(3),
        "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    }[how]()


def wait_for_signal(path: str) -> str:
    try:
        Path(path).write_text("ready")  # from here on the signal may come
        while True:
            signal.pause()
    except KeyboardInterrupt:
        return "stopped"


def note_pid_and_wait(path: str) -> None:
    Path(path).write_text(str(os.getpid()))
    signal.pause()
