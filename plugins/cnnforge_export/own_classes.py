"""Layers and functions of plugins in a Keras file, which whoever loads it has to import first."""

from __future__ import annotations

import importlib
import json
import shutil
import zipfile
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from cnnforge.errors import ExportError

IMPORTS = "imports.json"
"""Beside the model: for each name in it that is not Keras's own ``["module", "name"]``, where to import it from."""

_FUNCTIONS = ("function", "__lambda__")


def write_imports(path: Path) -> None:
    """Write what has to be imported to load a Keras file beside it; a module that is a plugin's file is copied there.

    Args:
        path: The file.

    Raises:
        ExportError: Something in it cannot be imported.
    """
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    imports = {}
    for thing in _own(config):
        module, name = thing["module"], thing["class_name"]
        if name in _FUNCTIONS:
            name = thing["config"] if name == "function" else "a lambda"
        source = _module(module, name)
        if PathFinder.find_spec(module.partition(".")[0]) is None:  # a plugin that is a file, known to this process
            shutil.copyfile(str(source.__file__), path.with_name(f"{module}.py"))
        registered = thing.get("registered_name")
        imports[registered if registered not in (None, "function") else name] = [module, name]
    if imports:
        path.with_name(IMPORTS).write_text(json.dumps(imports, indent=1), encoding="utf-8")


def _module(module: str, name: str) -> Any:
    source = importlib.import_module(module)
    if not hasattr(source, name):
        raise ExportError(
            f"expected layers and functions that can be imported, received {name} of {module}, which Keras does not"
            " load safely",
            hint="define it at the top of the module, a Lambda layer as a subclass of keras.layers.Layer; --format"
            " onnx and --format saved-model take it as it is",
        )
    return source


def _own(config: Any) -> Iterator[dict[str, Any]]:
    """Yield what is not Keras's own in the configuration of a model."""
    if isinstance(config, list):
        for item in config:
            yield from _own(item)
    elif isinstance(config, dict):
        module = config.get("module") or ""
        is_own = config.get("registered_name") is not None and module and module.partition(".")[0] != "keras"
        if config.get("class_name") == "__lambda__":
            yield {"module": "builtins", **config}
        elif is_own and "class_name" in config:
            yield config
        for item in config.values():
            yield from _own(item)
