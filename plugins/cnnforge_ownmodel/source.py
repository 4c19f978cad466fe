"""The source of a function, with everything that it uses of its script or notebook, as a file of its own."""

from __future__ import annotations

import inspect
import textwrap
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cnnforge.errors import RecipeError

_PLAIN = (str, bytes, int, float, bool, tuple, list, dict, set, frozenset, type(None))


def source_of(function: types.FunctionType) -> tuple[str, bytes]:
    """Return the place of a function, ``file:name``, and the content of a file that defines it.

    Of a function of a module that is the module itself. Of one in a script or notebook, which must not be executed
    again, it is written together from the function, the imports and constants that it uses, and what else is defined
    beside it and used.

    Raises:
        RecipeError: Its source cannot be found, or it uses an object that has none.
    """
    name = function.__name__
    try:
        file = inspect.getsourcefile(function)
        if function.__module__ != "__main__" and function.__qualname__ == name and file and Path(file).is_file():
            return f"{Path(file).absolute()}:{name}", Path(file).read_bytes()
        parts: dict[str, str] = {}
        _collect(function, parts)
    except (OSError, TypeError) as error:
        raise _unknown(f"{name}: {error}") from error
    lines = ["from __future__ import annotations", "", *parts.values()]
    return f"{Path(file or 'notebook').name}:{name}", ("\n".join(lines) + "\n").encode()


def _collect(thing: Any, parts: dict[str, str]) -> None:
    """Add the source of a function or class, behind that of what it uses."""
    if thing.__name__ == "<lambda>":
        raise _unknown("a lambda")
    source = textwrap.dedent(inspect.getsource(thing))
    parts.setdefault(thing.__name__, "")  # it may use itself
    for name, value in dict(_used(thing)).items():
        if name not in parts:
            _add(name, value, parts)
    del parts[thing.__name__]
    parts[thing.__name__] = f"\n\n{source}"


def _used(thing: Any) -> Iterator[tuple[str, Any]]:
    """Yield what a function, or the methods and bases of a class, use of what is around them."""
    functions = [thing] if inspect.isfunction(thing) else [f for f in vars(thing).values() if inspect.isfunction(f)]
    if inspect.isclass(thing):
        yield from ((base.__name__, base) for base in thing.__bases__ if base is not object)
    for function in functions:
        around = {**function.__globals__, **inspect.getclosurevars(function).nonlocals}
        yield from ((name, around[name]) for name in _names(function.__code__) if name in around)


def _names(code: types.CodeType) -> Iterator[str]:
    yield from (*code.co_names, *code.co_freevars)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _add(name: str, value: Any, parts: dict[str, str]) -> None:
    if isinstance(value, types.ModuleType):
        parts[name] = f"import {value.__name__} as {name}"
    elif isinstance(value, _PLAIN):
        parts[name] = f"{name} = {value!r}"
    elif getattr(value, "__module__", None) == "__main__" and (inspect.isfunction(value) or inspect.isclass(value)):
        _collect(value, parts)
    elif getattr(value, "__module__", None) and getattr(value, "__name__", None):
        parts[name] = f"from {value.__module__} import {value.__name__} as {name}"
    else:
        raise _unknown(f"{name}, an object of {type(value).__name__}")


def _unknown(what: str) -> RecipeError:
    return RecipeError(
        f"expected a function whose source can be recorded, received {what}",
        hint="put it into a file: cnnforge.run(…, architecture='my_net.py:build')",
    )
