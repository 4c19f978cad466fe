"""``cnnforge doctor``: what there is to work with and what is missing; ``cnnforge plugins check``: what is broken."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cnnforge.cli import echo_json, wrap
from cnnforge.errors import PluginError
from cnnforge.host import FILES_SWITCH, PluginHost
from cnnforge.interface import registry
from cnnforge.system import num_processors
from cnnforge_doctor.diagnosis import BROKEN, MISSING, OK, Finding, diagnose
from cnnforge_doctor.plugin_check import Step, check_plugin

_MAX_PROCESSES = 4
_MARKS = {OK: " ", MISSING: "-", BROKEN: "!"}
_INDENT = " " * 17


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print a list of objects.")] = False) -> None:
    """Show versions, devices and memory, and what is missing.

    For what is missing it says how to get it.

    The exit code is 1 if something is broken.
    """
    findings = []
    for finding in diagnose(registry().host):
        findings.append(finding)
        if not as_json:
            typer.echo(_text(finding))
    if as_json:
        echo_json([asdict(finding) for finding in findings])
    if any(finding.state == BROKEN for finding in findings):
        raise typer.Exit(1)


def _text(finding: Finding) -> str:
    name = f"{_MARKS[finding.state]} {finding.name:14} "
    lines = [name + wrap(finding.text, indent=_INDENT).lstrip()]
    return "\n".join([*lines, *([wrap(f"→ {finding.hint}", indent=_INDENT)] if finding.hint else [])])


def check(
    plugin: Annotated[
        str | None, typer.Argument(metavar="ID", help="One plugin or Python file; all if left out.", show_default=False)
    ] = None,
    timeout: Annotated[float, typer.Option("--timeout", min=1, help="Seconds a plugin may take.")] = 120,
) -> None:
    """Import everything that plugins name, in processes of their own.

    Every function is imported and every recipe read. What hangs, ends its process or changes what the whole process
    shares (its working directory, signal handlers, random state, Keras's safe mode, ...) is broken; the exit code is
    4 if anything is.
    """
    host = PluginHost.discover(is_imported=False)
    if plugin is not None and plugin.endswith(".py"):
        info = host.add_file(Path(plugin), is_imported=False)
        os.environ[FILES_SWITCH] = str(info.file)  # for the processes that check it
        plugin = info.id
    infos = [host.find(plugin)] if plugin else [info for info in host.plugins.values() if not info.is_disabled]
    num_faults = num_steps = 0
    with ThreadPoolExecutor(min(_MAX_PROCESSES, num_processors())) as pool:
        for steps in pool.map(lambda info: check_plugin(info.id, timeout), infos):
            for step in steps:
                num_faults, num_steps = num_faults + bool(step.faults), num_steps + 1
                _print(step)
    if plugin is not None and plugin.startswith("file:"):
        _run_contracts(plugin)
    if num_faults:
        raise PluginError(f"expected every plugin to be sound, received {num_faults} faults in {num_steps} checks")


def _run_contracts(plugin: str) -> None:
    """Run the contract tests of a file that is a plugin, with pytest.

    Raises:
        PluginError: It breaks one of them.
    """
    if importlib.util.find_spec("pytest") is None:
        typer.echo("not run  the contracts: pip install pytest")
        return
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--cnnforge-plugin", plugin]
    if subprocess.run(command, check=False).returncode:
        raise PluginError(f"expected {plugin} to keep the contracts of what it brings, received the failures above")


def _print(step: Step) -> None:
    for fault in step.faults:
        typer.echo(f"broken  {step.what}: {fault}")
    if not step.faults:
        typer.echo(f"sound   {step.what}")
