"""``cnnforge plugins``: what is installed, what is broken, and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from cnnforge.cli.common import describe_entry, echo_json, entries, kind_of
from cnnforge.cli.completion import complete_plugins
from cnnforge.cli.table import render
from cnnforge.host import Entry, PluginInfo
from cnnforge.interface import registry

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def plugins(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of objects.")] = False,
) -> None:
    """List the plugins that are installed."""
    if context.invoked_subcommand is not None:
        return
    infos = list(registry().host.plugins.values())
    if as_json:
        echo_json([_describe(info) for info in infos])
    else:
        rows = [(i.id, i.version, f"{i.load_seconds * 1000:.1f}", i.state) for i in infos]
        notes = [info.error or "" for info in infos]
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
