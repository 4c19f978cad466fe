"""Python and the command line can do the same, and Python's side is light and typed."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from cnnforge.cli.run import run_command
from cnnforge.host import CommandSpec, PluginHost, Registry, import_deferred
from cnnforge.interface import run

_PRINTED = {"as_json", "as_csv", "as_json_lines", "top", "page"}  # how a result is shown, which Python's object does
_NAMES = {  # what one thing is called on the command line, and in Python
    "paths": "images",
    "path": "data",
    "time_limit": "minutes",
    "runs": "runs",
}
_OF_PYTHON = {
    "reporter",
    "stream",
    "augment",
    "one_hot",
    "plugins",
    "model",
    "ends_process",
}  # --plugin is an option of every command
_ONLY_COMMAND = {
    "export": {"settings", "quantize"},  # **options
    "data arrays": {"out", "split"},  # the file that the command writes: Dataset.arrays(split)
}
_WITH_FUNCTION = {"compare", "data arrays", "data check", "evaluate", "explain", "export", "predict", "reproduce",
                  "serve", "tune"}  # fmt: skip


def parameters(function: object) -> set[str]:
    return {
        name
        for name, p in inspect.signature(function).parameters.items()
        if p.kind is not p.VAR_KEYWORD  # type: ignore[arg-type]
    }


@pytest.mark.parametrize("name", sorted(_WITH_FUNCTION))
def test_a_command_and_its_function_can_do_the_same(name: str) -> None:
    spec = Registry(PluginHost.discover()).catalogue(CommandSpec).get(name).spec
    command = parameters(import_deferred(spec.app, name)) - _PRINTED - _ONLY_COMMAND.get(name, set())
    assert spec.function is not None
    function = parameters(import_deferred(spec.function, name)) - _OF_PYTHON
    assert {_NAMES.get(parameter, parameter) for parameter in command} == function


def test_run_and_its_command_can_do_the_same() -> None:
    assert parameters(run_command) - _PRINTED == parameters(run) - _OF_PYTHON


def test_importing_is_light() -> None:
    code = (
        "import sys, cnnforge\n"
        "cnnforge.run, cnnforge.load, cnnforge.Run, cnnforge.tune\n"
        "print({'keras', 'tensorflow', 'numpy', 'typer', 'PIL', 'rich'} & set(sys.modules))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed == "set()\n"
