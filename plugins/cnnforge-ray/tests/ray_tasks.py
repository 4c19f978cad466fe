"""What the tests let workers do."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from cnnforge.errors import RecipeError


def add(first: int, second: int) -> int:
    return first + second


def where() -> tuple[int, str]:
    return os.getpid(), os.environ["TF_NUM_INTRAOP_THREADS"]


def refuse() -> None:
    raise RecipeError("expected less", hint="less")


def leave(how: str) -> None:
    if how == "sys.exit":
        sys.exit(3)
    os.kill(os.getpid(), signal.SIGKILL)


def wait_for_interrupt(path: str) -> str:
    Path(path).write_text("ready")
    try:
        while True:
            time.sleep(0.02)
    except KeyboardInterrupt:
        return "stopped"


def node() -> str:
    """Say where this runs."""
    import ray

    found: str = ray.get_runtime_context().get_node_id()
    return found


def node_and_wait(folder: str) -> str:
    """Say where this runs in a file, and wait until there is another that lets it go."""
    (Path(folder) / node()).touch()
    while not (Path(folder) / "go").exists():
        time.sleep(0.02)
    return node()
