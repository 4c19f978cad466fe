"""What there is to work with: versions, devices, memory, caches, plugins, and what is missing and how to get it.

Devices are asked in a process of their own: a backend that does not fit the processor ends the process it is in.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path

from packaging.requirements import Requirement

import cnnforge
from cnnforge.errors import CnnforgeError
from cnnforge.host import PluginHost
from cnnforge.system import cache_dir, data_dir, num_processors

OK, MISSING, BROKEN = "ok", "missing", "broken"

_ASK_BACKEND = """
import json
from cnnforge.system import import_keras
import_keras()
from cnnforge.running import conditions
from cnnforge.training import has_bfloat16
print(json.dumps({**conditions({}), "has_bfloat16": has_bfloat16()}))
"""
_TIMEOUT_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at.

    ``state`` is ``ok``, ``missing`` for something optional, or ``broken``; ``hint`` says what to do.
    """

    name: str
    state: str
    text: str
    hint: str = ""


def diagnose(host: PluginHost) -> Iterator[Finding]:
    """Yield what is found, one thing after the other."""
    yield Finding("cnnforge", OK, f"{cnnforge.__version__}, Python {platform.python_version()}, {platform.platform()}")
    yield from _backend()
    yield Finding("memory", OK, _memory())
    yield from _folders()
    yield from _plugins(host)
    yield from _extras()


def _backend() -> Iterator[Finding]:
    try:
        done = subprocess.run(
            [sys.executable, "-c", _ASK_BACKEND], capture_output=True, text=True, check=True, timeout=_TIMEOUT_SECONDS
        )
        answer = json.loads(done.stdout.splitlines()[-1])
    except subprocess.SubprocessError as error:
        hint = "reinstall it: pip install --force-reinstall keras tensorflow"
        yield Finding("backend", BROKEN, f"cannot be imported: {_last_words(error)}", hint)
        return
    packages = ", ".join(f"{name} {number}" for name, number in answer["packages"].items() if name != "cnnforge")
    yield Finding("backend", OK, f"Keras on {answer['backend']}; {packages}")
    yield Finding("processors", OK, f"{num_processors()} of {answer['processor'] or platform.machine()}")
    yield Finding("accelerators", OK, ", ".join(answer["accelerators"]) or "none: training runs on the processors")
    yield Finding("bfloat16", OK, "yes, and used where it measures faster" if answer["has_bfloat16"] else "no")


def _last_words(error: subprocess.SubprocessError) -> str:
    """Return why a process failed: the signal that ended it, or the last line it wrote."""
    if isinstance(error, subprocess.CalledProcessError):
        if error.returncode < 0:
            return f"ended by {signal.Signals(-error.returncode).name}, so it does not fit this processor"
        return (str(error.stderr).strip().splitlines() or ["no reason given"])[-1]
    return str(error)


def _memory() -> str:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows, and systems that do not tell
        return "the system does not say"
    return f"{total / 1e9:.1f} GB"


def _folders() -> Iterator[Finding]:
    from cnnforge.data import limit_bytes, list_stores

    try:
        used, limit = sum(info.num_bytes for info in list_stores()), limit_bytes()
        text = f"{cache_dir()}: images {used / 1e9:.2f} GB of at most {limit / 1e9:.2f} GB (CNNFORGE_CACHE_GB)"
        yield _writable("cache", cache_dir(), text, "CNNFORGE_CACHE_DIR")
    except CnnforgeError as error:
        yield Finding("cache", BROKEN, str(error))
    yield _writable("data", data_dir(), f"{data_dir()}: downloaded photographs", "CNNFORGE_DATA_DIR")


def _writable(name: str, folder: Path, text: str, variable: str) -> Finding:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if existing.is_dir() and os.access(existing, os.W_OK):
        return Finding(name, OK, text)
    return Finding(name, BROKEN, f"{folder} cannot be written to", f"name another folder with {variable}")


def _plugins(host: PluginHost) -> Iterator[Finding]:
    sound = [info.id for info in host.plugins.values() if info.state == "ok"]
    yield Finding("plugins", OK, ", ".join(sound) or "none")
    for info in host.broken():
        yield Finding("plugin", BROKEN, f"{info.id}: {info.error}", f"cnnforge plugins show {info.id}")


def _extras() -> Iterator[Finding]:
    """Yield each extra of the distribution, with the packages of it that are missing."""
    needed = [requirement for text in requires("cnnforge") or () if (requirement := Requirement(text)).marker]
    for extra in metadata("cnnforge").get_all("Provides-Extra") or ():
        names = [r.name for r in needed if r.marker and r.marker.evaluate({"extra": extra})]
        missing = ", ".join(name for name in names if not _is_installed(name))
        state, text = (MISSING, f"without {missing}") if missing else (OK, "installed")
        yield Finding(f"extra {extra}", state, text, f"pip install 'cnnforge[{extra}]'" if missing else "")


def _is_installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
