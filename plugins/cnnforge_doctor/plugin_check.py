"""``cnnforge plugins check``: whatever a plugin does when it is used, in a process of its own with a time limit.

The process notes each step before it takes it, so that a step that never ends, or ends the process, has a name.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from cnnforge.cli import HEAVY
from cnnforge.errors import CnnforgeError, UnknownNameError
from cnnforge.host import Entry, PluginHost, PluginInfo, RecipeSpec, Registry, import_deferred
from cnnforge.recipe import load_recipe, resolve
from cnnforge.system import call_elsewhere, ending, import_keras

_SIGNALS = [s for s in signal.Signals if s.name in {"SIGINT", "SIGTERM", "SIGHUP", "SIGALRM", "SIGCHLD", "SIGPIPE"}]


@dataclass(frozen=True, slots=True)
class Step:
    """Something tried of a plugin; ``faults`` is empty where it is sound."""

    what: str
    faults: list[str]


def check_plugin(plugin_id: str, timeout_seconds: float) -> list[Step]:
    """Return what was tried: its hooks are asked, every name they return is imported, every recipe resolved."""
    with tempfile.TemporaryDirectory(prefix="cnnforge-check-") as folder:
        notes = Path(folder) / "steps.jsonl"
        try:
            done = call_elsewhere(f"{__name__}:examine", plugin_id, str(notes), timeout=timeout_seconds)
            printed = done.stdout
            end = f"{ending(done.returncode)} {done.stderr[-200:]}" if done.returncode else ""
        except subprocess.TimeoutExpired:
            printed, end = "", f"not done after {timeout_seconds:g} s"
        lines = [json.loads(line) for line in notes.read_text(encoding="utf-8").splitlines()]
    steps = {what: [f"its process was {' '.join(end.split())}"] if faults is None else faults for what, faults in lines}
    if printed:
        steps[plugin_id] = [*steps[plugin_id], f"it printed {printed[:60]!r} on standard output"]
    return [Step(what, faults) for what, faults in steps.items()]


def examine(plugin_id: str, notes: str) -> None:
    """Check a plugin and note each step; :func:`check_plugin` calls it in a process of its own."""
    with Path(notes).open("w", encoding="utf-8") as file:
        with _step(plugin_id, file) as faults:
            with _watched() as changes:
                registry = Registry(PluginHost.discover({"CNNFORGE_LOAD_PLUGINS": plugin_id}))
                entries = [e for kind in registry.catalogues().values() for e in kind.all() if e.plugin == plugin_id]
            faults.extend([*_faults(registry.host.plugins[plugin_id]), *(f"it {change}" for change in changes)])
        for entry in entries:
            owner = f"{entry.spec.kind} {entry.spec.name!r} of plugin {plugin_id}"
            with _step(owner, file) as faults:
                faults.extend(_faults_of_entry(entry, owner, registry))


@contextlib.contextmanager
def _step(what: str, file: TextIO) -> Iterator[list[str]]:
    """Note that a step begins, and when it has ended what was found."""
    faults: list[str] = []
    file.write(json.dumps([what, None]) + "\n")
    file.flush()
    yield faults
    file.write(json.dumps([what, faults]) + "\n")
    file.flush()


@contextlib.contextmanager
def _watched() -> Iterator[list[str]]:
    """Yield a list that afterwards says what a block changed that the whole process shares."""
    changes: list[str] = []
    before = _settings()
    yield changes
    changes += _changes(before, _settings())


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return [f"changed {name}{_details(old, after[name])}" for name, old in before.items() if after[name] != old]


def _details(old: Any, new: Any) -> str:
    """Return which entries of a table differ, or what a text has become."""
    if isinstance(old, dict):
        return ": " + ", ".join(sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key)))
    return f" to {new}" if isinstance(new, str) else ""


def _settings() -> dict[str, Any]:
    import locale
    import logging
    import random
    import warnings

    # Those for one module, one message or a category of one's own are a library's own business.
    rules = [(rule[0], rule[2]) for rule in warnings.filters if rule[1] is None and rule[3] is None]
    settings = {
        "the working directory": _directory(),
        "environment variables": dict(os.environ),
        "signal handlers": {number.name: signal.getsignal(number) for number in _SIGNALS},
        "the locale": locale.setlocale(locale.LC_ALL),
        "Python's random state": random.getstate(),
        "the filters of all warnings": [rule for rule in rules if rule[1].__module__ == "builtins"],
        "the root logger": (logging.root.level, logging.root.handlers[:]),
        "sys.path": sys.path[:],
        "sys.excepthook": sys.excepthook,
    }
    if numpy := sys.modules.get("numpy"):
        settings["NumPy's random state"] = numpy.random.get_state()[1].tobytes()
    return settings | (_settings_of_keras() if "keras" in sys.modules else {})


def _directory() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 - as text
    except OSError:  # somebody has deleted it
        return None


def _settings_of_keras() -> dict[str, str]:
    import keras
    from keras.src.saving.serialization_lib import in_safe_mode

    return {
        "Keras's safe mode": "off" if in_safe_mode() is False else "on",
        "Keras's dtype policy": keras.config.dtype_policy().name,
        "Keras's float type": keras.config.floatx(),
        "Keras's image data format": keras.config.image_data_format(),
    }


def _faults(info: PluginInfo) -> list[str]:
    heavy = sorted(set(HEAVY) & sys.modules.keys())
    slow = [f"its import imports {', '.join(heavy)}, and every command would wait for that"] if heavy else []
    return ([info.error] if info.error else []) + slow


def _faults_of_entry(entry: Entry[Any], owner: str, registry: Registry) -> list[str]:
    try:
        if isinstance(entry.spec, RecipeSpec):
            _resolve(entry.spec.name, registry)
            return []
        import_keras()  # before looking, since Keras and TensorFlow change something themselves
        with _watched() as changes:
            for name in entry.spec.deferred_names():
                import_deferred(name, owner)
    except CnnforgeError as error:
        return [str(error).removeprefix(f"{owner}: ")]
    return [f"importing what it names {change}" for change in changes]


def _resolve(name: str, registry: Registry) -> None:
    try:
        resolve(load_recipe(name, registry), registry)
    except UnknownNameError:  # of something that another plugin brings
        everything = Registry(PluginHost.discover())
        resolve(load_recipe(name, everything), everything)
