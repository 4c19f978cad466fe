"""``cnnforge plugins``: what is installed, what is broken, and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from cnnforge.backend import captured_stderr
from cnnforge.cli.common import describe_entry, echo_json, entries, kind_of, registry, resolve_recipe
from cnnforge.cli.completion import complete_plugins
from cnnforge.cli.table import render
from cnnforge.deferred import import_deferred
from cnnforge.errors import CnnforgeError, PluginError
from cnnforge.host import PluginInfo
from cnnforge.registry import Entry
from cnnforge.specs import RecipeSpec

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
        typer.echo(render(("plugin", "version", "load ms", "state"), rows, [info.error or "" for info in found]))


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
        str | None, typer.Argument(metavar="ID", help="One plugin; all if left out.", show_default=False)
    ] = None,
) -> None:
    """Import everything that plugins name.

    Every function is imported and every recipe read; the exit code is 4 if anything is broken.
    """
    checked = (
        [registry().host.find(plugin)] if plugin else [i for i in registry().host.plugins.values() if not i.is_disabled]
    )
    outcomes = [outcome for info in checked for outcome in _check(info)]
    num_broken = outcomes.count(False)
    if num_broken:
        raise PluginError(f"expected every plugin to be sound, received {num_broken} faults in {len(outcomes)} checks")


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
        yield render(("brings", "name", "summary"), [(kind_of(e), e.spec.name, e.spec.summary) for e in brought])
    if info.error:
        yield f"error: {info.error}"
    if info.traceback:
        yield info.traceback.rstrip()


def _check(info: PluginInfo) -> Iterator[bool]:
    """Check everything that a plugin brings, print one line each, and yield whether it is sound."""
    if info.error:
        typer.echo(f"broken  {info.id}: {info.error}")
        yield False
    for entry in entries():
        if entry.plugin == info.id:
            yield _check_entry(entry)


def _check_entry(entry: Entry[Any]) -> bool:
    owner = f"{entry.spec.kind} {entry.spec.name!r} of plugin {entry.plugin}"
    try:
        with captured_stderr():  # what TensorFlow says of the processor is not asked here
            for deferred in entry.spec.deferred_names():
                import_deferred(deferred, owner)
        if isinstance(entry.spec, RecipeSpec):
            resolve_recipe(entry.spec.name)
    except CnnforgeError as error:
        typer.echo(f"broken  {error}")
        return False
    typer.echo(f"sound   {owner}")
    return True
