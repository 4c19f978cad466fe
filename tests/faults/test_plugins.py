"""Plugins that hang, end the process or change what everybody shares: each is named, and the others work."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from cnnforge.host.plugin_host import PluginHost
from cnnforge_doctor.plugin_check import Step, check_plugin
from tests.conftest import Site

pytestmark = pytest.mark.slow

HOOK = """
import cnnforge

@cnnforge.hookimpl
def cnnforge_architectures():
    {statement}
    yield cnnforge.ArchitectureSpec(name="{name}", summary="one", build="{module}:build")
"""
TIMEOUT_SECONDS = 20


def faults(steps: list[Step]) -> list[str]:
    return [f"{step.what}: {fault}" for step in steps for fault in step.faults]


# What the module of a plugin says -> what `plugins check` says of it, and where.
ENDS = {
    "raises": ("raise RuntimeError('no luck')", "RuntimeError: no luck"),
    "raises beyond Exception": ("class Stop(BaseException): pass\nraise Stop('enough')", "Stop: enough"),
    "is cancelled": ("import asyncio\nraise asyncio.CancelledError", "CancelledError:"),
    "exits": ("import sys\nsys.exit('bye')", "SystemExit: bye"),
    "ends the process": ("import os\nos._exit(3)", "its process was ended with exit code 3"),
    "becomes another": (
        "import os\nos.execv('/bin/sh', ['sh', '-c', 'exit 3'])",
        "its process was ended with exit code 3",
    ),
    "aborts": ("import os\nos.abort()", "its process was ended by SIGABRT"),
    "crashes": ("import ctypes\nctypes.string_at(0)", "its process was ended by SIGSEGV"),
    "kills itself": ("import os\nos.kill(os.getpid(), 9)", "its process was ended by SIGKILL"),
    "has no such module": ("import not_installed_anywhere", "No module named 'not_installed_anywhere'"),
    "is no Python": ("def broken(:", "SyntaxError: "),
}
CHANGES = {
    "working directory": ("import os; os.chdir('/')", "changed the working directory to /"),
    "environment": ("import os; os.environ['ACME'] = '1'", "changed environment variables: ACME"),
    "environment emptied": ("import os; os.environ.pop('PATH')", "changed environment variables: PATH"),
    "signal handlers": (
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)",
        "changed signal handlers: SIGTERM",
    ),
    "standard output": ("print('hello from acme')", r"printed 'hello from acme\n' on standard output"),
    "random state": ("import random; random.seed(1)", "changed Python's random state"),
    "locale": ("import locale; locale.setlocale(locale.LC_ALL, 'C')", "changed the locale to C"),
    "warnings": ("import warnings; warnings.simplefilter('ignore')", "changed the filters of all warnings"),
    "logging": ("import logging; logging.basicConfig(level=10)", "changed the root logger"),
    "search path": ("import sys; sys.path.insert(0, '/nowhere')", "changed sys.path"),
    "excepthook": ("import sys; sys.excepthook = print", "changed sys.excepthook"),
    "standard output in C": ("import os; os.write(1, b'hello')", "it printed 'hello' on standard output"),
    "heavy": ("import numpy", "its import imports numpy, and every command would wait for that"),
}
AT_ONCE = ENDS | CHANGES


@pytest.mark.parametrize(("source", "message"), AT_ONCE.values(), ids=AT_ONCE)
def test_check_names_what_the_import_of_a_plugin_does(
    site: Site, monkeypatch: pytest.MonkeyPatch, source: str, message: str
) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    plugin = site.install("acme", source)
    found = faults(check_plugin(plugin, TIMEOUT_SECONDS))
    assert len(found) == 1, found
    assert found[0].startswith("acme:main: ")
    assert message in found[0]


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("import os; os._exit(3)", "its process was ended with exit code 3"),
        ("import os; os.chdir('/')", "it changed the working directory to /"),
        ("raise KeyError('x')", "hook cnnforge_architectures failed: KeyError: 'x'"),
        ("raise GeneratorExit", "hook cnnforge_architectures failed: GeneratorExit:"),
        ("print('hello')", "it printed 'hello"),
        ("import random; random.random()", "it changed Python's random state"),
    ],
)
def test_check_names_what_a_hook_does(site: Site, statement: str, message: str) -> None:
    plugin = site.install("acme", HOOK.format(statement=statement, name="toy", module="json"))
    found = faults(check_plugin(plugin, TIMEOUT_SECONDS * 3))
    assert message in found[0], found


@pytest.mark.parametrize("source", ["while True: pass", "import time\ntime.sleep(1000)"], ids=["loops", "sleeps"])
def test_an_import_without_end_is_ended_and_named(site: Site, source: str) -> None:
    plugin = site.install("acme", source)
    assert faults(check_plugin(plugin, 3)) == ["acme:main: its process was not done after 3 s"]


def test_a_hook_without_end_is_ended_and_named(site: Site) -> None:
    plugin = site.install("acme", HOOK.format(statement="while True: pass", name="toy", module="json"))
    assert faults(check_plugin(plugin, 3)) == ["acme:main: its process was not done after 3 s"]


# What the module of an architecture does when it is imported -> what is said of the architecture.
DEFERRED = {
    "sound": ("pass", None),
    "safe_mode": ("keras.config.enable_unsafe_deserialization()", "changed Keras's safe mode to off"),
    "policy": ("keras.config.set_dtype_policy('mixed_bfloat16')", "changed Keras's dtype policy to mixed_bfloat16"),
    "float_type": ("keras.config.set_floatx('float64')", "changed Keras's float type to float64"),
    "format": ("keras.config.set_image_data_format('channels_first')", "image data format to channels_first"),
    "seed": ("keras.utils.set_random_seed(1)", "changed Python's random state"),
    "numpy_seed": ("import numpy; numpy.random.seed(1)", "changed NumPy's random state"),
    "directory": ("import os; os.chdir('/')", "changed the working directory to /"),
    "raises": ("raise SystemExit(2)", "SystemExit: 2"),
    "zz_aborts": ("import os; os.abort()", "its process was ended by SIGABRT"),  # the last: there is no next
}


def test_check_names_what_the_modules_of_architectures_do(site: Site) -> None:
    specs = []
    for name, (statement, _) in DEFERRED.items():
        (site.path / f"acme_{name}.py").write_text(
            f"import keras\n{statement}\n\ndef build(): pass\n", encoding="utf-8"
        )
        specs.append(f"cnnforge.ArchitectureSpec(name='{name}', summary='one', build='acme_{name}:build'),")
    hook = "@cnnforge.hookimpl\ndef cnnforge_architectures():\n    return [{}]\n".format("\n".join(specs))
    plugin = site.install("acme", f"import cnnforge\n{hook}")
    steps = {step.what: step.faults for step in check_plugin(plugin, 120)}
    assert steps.pop(plugin) == []
    assert len(steps) == len(DEFERRED)
    for name, (_, message) in DEFERRED.items():
        found = steps[f"architecture {name!r} of plugin acme:main"]
        assert (message is None) == (not found), found
        assert message is None or any(message in fault for fault in found), (name, found)


# In every command


def cnnforge(site: Site, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": str(site.path)}
    command = [sys.executable, "-m", "cnnforge", *arguments]
    return subprocess.run(command, cwd=site.path, env=environ, capture_output=True, text=True, timeout=120)


def test_what_raises_or_exits_costs_a_line_and_the_others_work(site: Site) -> None:
    for number, (source, _) in enumerate(list(ENDS.values())[:4]):
        site.install(f"worse-{number}", source)
    site.install("good", HOOK.format(statement="pass", name="toy", module="json"))
    listed = cnnforge(site, "list", "--json")
    assert listed.returncode == 0, listed.stderr
    assert "toy" in {item["name"] for item in json.loads(listed.stdout)}
    assert listed.stderr.count("is broken") == 4


def test_ctrl_c_while_a_plugin_is_imported_ends_the_command(site: Site) -> None:
    site.install("slow", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        PluginHost.discover({})


def test_a_plugin_that_hangs_is_not_the_fault_of_another(site: Site) -> None:
    site.install("slow", "while True: pass")
    steps = check_plugin("cnnforge:directory", TIMEOUT_SECONDS)
    assert "recipe 'directory-cnn' of plugin cnnforge:directory" in [step.what for step in steps]
    assert faults(steps) == []
