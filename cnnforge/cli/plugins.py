"""``cnnforge plugins``: what is installed, what is broken, and why."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnnforge.cli.common import describe_entry, echo_json, entries, kind_of, registry
from cnnforge.cli.completion import complete_plugins
from cnnforge.cli.table import render
from cnnforge.errors import PluginError
from cnnforge.host import FILES_SWITCH, Entry, PluginHost, PluginInfo
from cnnforge.system import num_processors

if TYPE_CHECKING:
    from cnnforge.cli.plugin_check import Step

_MAX_PROCESSES = 4
app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def plugins(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of objects.")] = False,
) -> None:
    """List the plugins that are installed."""
    if context.invoked_subcommand is not None:
        return
    found = list(registry().host.plugins.values())
    if as_json:
        echo_json([_describe(info) for info in found])
    else:
        rows = [(i.id, i.version, f"{i.load_seconds * 1000:.1f}", i.state) for i in found]
        notes = [info.error or "" for info in found]
        typer.echo(render(("plugin", "version", "load ms", "state"), rows, notes))


@app.command("show")
def show_plugin(
    plugin: Annotated[
        str, typer.Argument(metavar="ID", help="As `cnnforge plugins` prints it.", autocompletion=complete_plugins)
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print an object.")] = False,
) -> None:
    """Show what a plugin brings, and the traceback of a broken one."""
    info = registry().host.find(plugin)
    brought = [entry for entry in entries() if entry.plugin == info.id]
    if as_json:
        brings = [describe_entry(entry) for entry in brought]
        echo_json({**_describe(info), "traceback": info.traceback, "brings": brings})
    else:
        typer.echo("\n\n".join(_paragraphs(info, brought)))


@app.command("check")
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
    from concurrent.futures import ThreadPoolExecutor

    from cnnforge.cli.plugin_check import check_plugin

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


def _describe(info: PluginInfo) -> dict[str, Any]:
    return {
        "id": info.id,
        "distribution": info.distribution,
        "version": info.version,
        "load_seconds": round(info.load_seconds, 6),
        "state": info.state,
        "error": info.error,
    }


def _paragraphs(info: PluginInfo, brought: list[Entry[Any]]) -> Iterator[str]:
    yield f"{info.id} {info.version}: {info.state}, loaded in {info.load_seconds * 1000:.1f} ms"
    if brought:
        yield render(("brings", "name", "summary"), [(kind_of(e), e.spec.name, e.spec.headline) for e in brought])
    if info.error:
        yield f"error: {info.error}"
    if info.traceback:
        yield info.traceback.rstrip()


def _print(step: Step) -> None:
    for fault in step.faults:
        typer.echo(f"broken  {step.what}: {fault}")
    if not step.faults:
        typer.echo(f"sound   {step.what}")
