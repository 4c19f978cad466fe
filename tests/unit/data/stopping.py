"""A reader that ends or stops the scan in the middle, for tests that run it in a process of its own."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Stopping:
    """Reads well up to image 150; then the scan's process is killed, or the read never ends."""

    read: Callable[[int], bytes]
    how: str
    parent: int

    def __call__(self, index: int) -> bytes:
        if index == 150 and self.how == "kill":
            os.kill(self.parent, signal.SIGKILL)
        if index == 150 and self.how == "hang":
            print("hanging", flush=True, file=sys.stdout)
            threading.Event().wait()
        return self.read(index)
