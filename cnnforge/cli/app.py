"""The application: its commands, the core's own and those of plugins, each imported when it is called."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

import cnnforge
from cnnforge.host import CommandSpec, Entry, import_deferred
from cnnforge.interface import registry

CORE = "cnnforge"

_SUMMARIES = {
    "run": "Train a recipe, evaluate it and write a report.",
    "report": "Make a run's report and model card again, from its files alone.",
    "runs": "List runs with status, accuracy and size on disk.",
    "data": "Get and check photographs; look after the image store.",
    "list": "List everything that has a name.",
    "show": "Show one of the things listed, with all its settings.",
    "plugins": "List the plugins that are installed.",
    "new": "Start something of your own.",
}
_NAMES = {"run": "run_command", "runs": "app", "data": "app", "list": "list_names", "plugins": "app", "new": "app"}
CORE_COMMANDS = {
    name: Entry(CommandSpec(name=name, summary=text, app=f"cnnforge.cli.{name}:{_NAMES.get(name, name)}"), CORE)
    for name, text in _SUMMARIES.items()
}


def command_entries() -> dict[str, Entry[CommandSpec]]:
    """Return every command by its name, the core's first; of those in conflict the first."""
    of_plugins = sorted(registry().catalogue(CommandSpec).entries.items())
    return CORE_COMMANDS | {name: entries[0] for name, entries in of_plugins}


def load_command(name: str) -> Any:
    """Return a command, imported now, with those that plugins add to it if it is a group.

    Raises:
        PluginError: It cannot be imported.
        NameConflictError: Two plugins bring it.
    """
    entry = CORE_COMMANDS.get(name) or registry().catalogue(CommandSpec).get(name)
    return _built(entry)


def _built(entry: Entry[CommandSpec]) -> Any:
    name = entry.spec.name
    imported: Any = import_deferred(entry.spec.app, f"command {name!r} of plugin {entry.plugin}")
    if not isinstance(imported, typer.Typer):
        application = typer.Typer(rich_markup_mode=None, add_completion=False)
        application.command(name.rpartition(" ")[2])(imported)
        return get_command(application)
    command = typer.main.get_group(imported)
    for inner, added in registry().catalogue(CommandSpec).entries.items() if entry.plugin == CORE else ():
        if inner.startswith(f"{name} "):
            command.add_command(_built(added[0]), inner.partition(" ")[2])
    return command


class Commands(TyperGroup):
    """The commands by name: help and completion read their specs, and only what is called is imported."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - typer's
        """Return the names of the commands, for help and completion, with a stand-in for each."""
        entries = command_entries().values()
        self.commands = {
            e.spec.name: TyperCommand(e.spec.name, help=e.spec.summary) for e in entries if " " not in e.spec.name
        }
        return list(self.commands)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the name, the command itself, and the arguments left for it."""
        if args[0] in CORE_COMMANDS:  # before any plugin is imported
            return args[0], load_command(args[0]), args[1:]
        self.list_commands(ctx)
        name, stand_in, rest = super().resolve_command(ctx, args)
        return name, stand_in if name is None else load_command(name), rest


# Help without rich markup: importing rich would take as long as everything else `--help` does.
app = typer.Typer(name="cnnforge", cls=Commands, pretty_exceptions_enable=False, rich_markup_mode=None)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"cnnforge {cnnforge.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def cnnforge_command(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit.")
    ] = False,
    traceback: Annotated[
        bool, typer.Option("--traceback", help="Print the traceback of an error; may stand anywhere.")
    ] = False,
    plugin: Annotated[
        list[str] | None,
        typer.Option("--plugin", metavar="FILE", help="A Python file that is a plugin; repeatable, anywhere."),
    ] = None,
) -> None:
    """Train, tune and ship image classifiers; everything with a name is a plugin.

    `cnnforge run catsdogs` trains the classic cats-vs-dogs network; `cnnforge list` shows what else there is.
    """
    del version, traceback, plugin  # all are dealt with before this is called
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
