"""Processes: calling a function in one of its own, what comes back of it, and how much memory this one has used."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_CALL = """\
import importlib, json, sys
sys.path[:] = json.loads(sys.argv[3])
module, _, name = sys.argv[1].partition(":")
getattr(importlib.import_module(module), name)(*json.loads(sys.argv[2]))
"""


def call_elsewhere(
    function: str, *arguments: Any, timeout: float | None = None, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Call ``"package.module:function"`` in a new process, which finds the modules that this one does.

    Args:
        function: What is called; what it prints is the standard output.
        arguments: Its arguments, of types that JSON knows.
        timeout: Seconds after which it is ended.
        environ: Further environment variables.

    Returns:
        How it ended.

    Raises:
        subprocess.TimeoutExpired: It was ended.
    """
    return subprocess.run(
        [sys.executable, "-c", _CALL, function, json.dumps(arguments), json.dumps(sys.path)],
        env={**os.environ, **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        timeout=timeout,
        check=False,
    )


def ending(code: int) -> str:
    """Return what the exit code of a process says."""
    return f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def peak_memory_bytes() -> int | None:
    """Return the peak resident memory of this process in bytes, or None where the system does not say (Windows)."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def attempt(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[Exception | None, Any]:
    """Call a function; return what it raised or None, and its result. What it raised can be sent to other processes.

    For executors: what a worker sends back of a task, whatever comes of it.
    """
    try:
        return None, function(*args, **kwargs)
    except BaseException as error:  # whatever it is, the parent decides
        return _sendable(error), None


def _sendable(error: BaseException) -> Exception:
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - what we have just made
    except Exception:  # anything may go wrong when foreign exceptions are pickled
        return RuntimeError("".join(traceback.format_exception(error)))
    return error if isinstance(error, Exception) else RuntimeError(f"{type(error).__name__}: {error}")
