"""A function of one's own as an architecture: its source is recorded, and the network is built from that."""

from __future__ import annotations

import inspect
import re
import sys
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnforge.errors import RecipeError
from cnnforge.system import expanded
from cnnforge_ownmodel import kept
from cnnforge_ownmodel.source import source_of

if TYPE_CHECKING:
    import keras

    from cnnforge_ownmodel import FunctionOptions

_REFERENCE = re.compile(r"(?P<file>.+\.py):(?P<name>[A-Za-z_]\w*)")


def take(given: object) -> Mapping[str, Any] | None:
    """Return the settings of a function, or of ``file.py:function``; None for anything else.

    Raises:
        RecipeError: There is no such file or function, or its source cannot be found.
    """
    if isinstance(given, types.FunctionType):
        path, content = source_of(given)
    elif isinstance(given, str) and (reference := _REFERENCE.fullmatch(given)):
        file = expanded(reference["file"]).absolute()
        if not file.is_file():
            raise RecipeError(f"expected a Python file and a function in it, received --architecture {given}")
        path, content = f"{file}:{reference['name']}", file.read_bytes()
    else:
        return None
    sha256 = kept.keep(content, ".py")
    _function(sha256, path)
    return {"architecture.path": path, "architecture.sha256": sha256}


def build(options: FunctionOptions, *, input_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    """Return the network that the recorded function builds.

    Raises:
        RecipeError: It was not given on this machine, or does not take what it is called with.
    """
    function = _function(options.sha256, options.path)
    parameters = list(inspect.signature(function).parameters)
    arguments = dict(options.arguments)
    try:
        if parameters[:1] == ["options"]:
            bound = inspect.signature(function).bind(
                types.SimpleNamespace(**arguments), input_shape=input_shape, num_classes=num_classes
            )
        elif {"input_shape", "num_classes"} <= set(parameters):
            bound = inspect.signature(function).bind(input_shape=input_shape, num_classes=num_classes, **arguments)
        else:
            bound = inspect.signature(function).bind(input_shape, num_classes, **arguments)
    except TypeError as error:
        raise RecipeError(
            f"expected a function (input_shape, num_classes) or (options, *, input_shape, num_classes), received"
            f" {options.path}: {error}"
        ) from error
    model: keras.Model = function(*bound.args, **bound.kwargs)
    if getattr(model, "compiled", False):
        model.compiled = False  # the recipe says how it is trained
    return model


def _function(sha256: str, path: str) -> Callable[..., Any]:
    """Return the function of a recorded file, which is executed once in a process.

    Raises:
        RecipeError: It was not given on this machine, or the file fails or has no such function.
    """
    name = f"cnnforge_network_{sha256[:16]}"
    if name not in sys.modules:
        file = kept.find(sha256, ".py", "--architecture my_net.py:build")
        module = types.ModuleType(name)
        module.__file__ = str(file)
        sys.modules[name] = module
        try:
            exec(compile(file.read_bytes(), str(file), "exec"), module.__dict__)  # noqa: S102 - the user's own
        except Exception as error:
            del sys.modules[name]
            raise RecipeError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
    function = getattr(sys.modules[name], path.rpartition(":")[2], None)
    if not callable(function):
        raise RecipeError(f"expected {Path(path).name} to name a function, received none of that name")
    return function  # type: ignore[no-any-return]
