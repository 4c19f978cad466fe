"""What a plugin must leave as it is, because the whole process shares it."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

_SIGNALS = [s for s in signal.Signals if s.name in {"SIGINT", "SIGTERM", "SIGHUP", "SIGALRM", "SIGCHLD", "SIGPIPE"}]


@contextlib.contextmanager
def kept() -> Iterator[list[str]]:
    """Put back what a block does to working directory, environment, signal handlers and standard output.

    Yields a list that afterwards says what there was to put back. ``os._exit`` raises ``SystemExit`` meanwhile.
    """
    found: list[str] = []
    printed = io.BytesIO()
    output = io.TextIOWrapper(printed, "utf-8", newline="\n", write_through=True)
    before = {name: read() for name, (read, _) in _KEPT.items()}
    try:
        with contextlib.redirect_stdout(output), _not_ended():
            yield found
    finally:
        for name, (read, put_back) in _KEPT.items():
            if changes := _changes({name: before[name]}, {name: read()}):
                found += changes
                put_back(before[name])
        if not output.closed and (text := printed.getvalue().decode()):
            found.append(f"printed {text[:60]!r} on standard output")


@contextlib.contextmanager
def _not_ended() -> Iterator[None]:
    """Have ``os._exit`` raise what ``sys.exit`` raises; a process forked meanwhile ends with it as ever."""
    end, process = os._exit, os.getpid()

    def leave(status: int) -> NoReturn:
        if os.getpid() != process:
            end(status)
        raise SystemExit(f"os._exit({status})")

    os._exit = leave
    try:
        yield
    finally:
        os._exit = end


@contextlib.contextmanager
def watched() -> Iterator[list[str]]:
    """Yield a list that afterwards says what else a block changed for everybody; nothing is put back."""
    found: list[str] = []
    before = _other_settings()
    yield found
    found += _changes(before, _other_settings())


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return [f"changed {name}{_details(old, after[name])}" for name, old in before.items() if after[name] != old]


def _details(old: Any, new: Any) -> str:
    """Return which entries of a table differ, or what a text has become."""
    if isinstance(old, dict):
        return ": " + ", ".join(sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key)))
    return f" to {new}" if isinstance(new, str) else ""


def _directory() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 - as text
    except OSError:  # somebody has deleted it
        return None


def _set_environment(values: dict[str, str]) -> None:
    for name in os.environ.keys() - values.keys():
        del os.environ[name]
    os.environ.update(values)


def _handlers() -> dict[str, Any]:
    """Return what handles each signal; nothing outside the main thread, which alone may set them."""
    is_main = threading.current_thread() is threading.main_thread()
    return {number.name: signal.getsignal(number) for number in _SIGNALS} if is_main else {}


def _set_handlers(handlers: dict[str, Any]) -> None:
    for number in _SIGNALS:
        if (handler := handlers[number.name]) is not None:  # None: set by C code, which Python cannot do
            signal.signal(number, handler)


_KEPT: dict[str, tuple[Callable[[], Any], Callable[[Any], None]]] = {
    "the working directory": (_directory, lambda directory: os.chdir(directory) if directory else None),
    "environment variables": (lambda: dict(os.environ), _set_environment),
    "signal handlers": (_handlers, _set_handlers),
}


def _other_settings() -> dict[str, Any]:
    import locale
    import logging
    import random
    import warnings

    # Those for one module, one message or a category of one's own are a library's own business.
    rules = [(rule[0], rule[2]) for rule in warnings.filters if rule[1] is None and rule[3] is None]
    settings = {
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


def _settings_of_keras() -> dict[str, str]:
    import keras
    from keras.src.saving.serialization_lib import in_safe_mode

    return {
        "Keras's safe mode": "off" if in_safe_mode() is False else "on",
        "Keras's dtype policy": keras.config.dtype_policy().name,
        "Keras's float type": keras.config.floatx(),
        "Keras's image data format": keras.config.image_data_format(),
    }
