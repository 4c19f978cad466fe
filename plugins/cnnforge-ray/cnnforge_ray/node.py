"""What runs on a node of the cluster: a look at what is there, and tasks. Imports nothing heavy, nor Ray."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cnnforge.host import PluginHost
from cnnforge.running import recorded_packages
from cnnforge.system import attempt


def software() -> dict[str, str]:
    """Return what results depend on: the versions of Python, of packages and of plugins, and Keras's backend."""
    plugins = PluginHost.discover().plugins.values()
    return {
        "Python": platform.python_version(),
        "Keras's backend": os.environ.get("KERAS_BACKEND", "tensorflow"),
        **recorded_packages(),
        **{f"plugin {info.id}": f"{info.version} ({info.state})" for info in plugins},
    }


def problems(expected: Mapping[str, str], token: Path) -> list[str]:
    """Return in what this node differs from the machine that the search was started on, in words.

    Args:
        expected: The other's :func:`software`.
        token: A file that the other has written into the study's folder.
    """
    found = software()
    lines = [
        f"{name} is {found.get(name, 'missing')}, expected {expected.get(name, 'none')}"
        for name in sorted({*expected, *found})
        if found.get(name) != expected.get(name)
    ]
    return lines if token.is_file() else [*lines, f"the study's folder {token.parent} is not the same there"]


def run(
    num_threads: int, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[Exception | None, Any]:
    """Call a function in this process, which TensorFlow then gives no more threads than Ray gives cores."""
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
        os.environ[name] = str(num_threads)
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # a GPU may be shared
    return attempt(function, args, kwargs)
