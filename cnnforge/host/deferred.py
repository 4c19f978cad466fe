"""Import of ``"package.module:function"`` names on first use."""

from __future__ import annotations

import importlib
from collections.abc import Callable
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
