"""What specs name: ``"package.module:function"``, imported on first use, and ``"package:path"``, a file to read."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

from cnnforge.errors import PluginError


def import_deferred(name: str, owner: str) -> Callable[..., Any]:
    """Return the function that ``"package.module:function"`` names.

    Args:
        name: The deferred name.
        owner: Who declared it, for the message: ``"architecture 'x' of plugin y"``.

    Raises:
        PluginError: The module cannot be imported, or has no such function.
    """
    module_name, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), attribute)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise PluginError(
            f"{owner}: cannot import {name!r}: {type(error).__name__}: {error}",
            hint="`cnnforge plugins check` imports every name that plugins declare",
        ) from error
    if not callable(found):
        raise PluginError(f"{owner}: expected {name!r} to be a function, received {type(found).__name__}")
    function: Callable[..., Any] = found
    return function


def read_resource(name: str, owner: str) -> bytes:
    """Return the content of the file that ``"package:path/in/package"`` names.

    Args:
        name: The name; a module that is no package, such as a file plugin, stands for the folder that it lies in.
        owner: Who declared it, for the message: ``"recipe 'x' of plugin y"``.

    Raises:
        PluginError: There is no such package or file.
    """
    package, _, path = name.partition(":")
    try:
        module = importlib.import_module(package)
        folder = files(module) if hasattr(module, "__path__") else Path(str(module.__file__)).parent
        return folder.joinpath(path).read_bytes()
    except (ImportError, OSError) as error:
        raise PluginError(f"{owner}: cannot read {name!r}: {error}") from error
