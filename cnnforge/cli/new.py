"""``cnnforge new``: start something of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None)


@app.callback()
def new() -> None:
    """Start something of your own."""


@app.command("plugin")
def new_plugin(
    name: Annotated[str, typer.Argument(help="Of the package as pip knows it, such as acme-net; also the new folder.")],
    architecture: Annotated[
        str | None, typer.Option("--architecture", metavar="NAME", help="Bring an architecture of that name.")
    ] = None,
    data_source: Annotated[
        str | None, typer.Option("--data-source", metavar="NAME", help="Bring a data source of that name.")
    ] = None,
) -> None:
    """Write a package with a plugin in it: it installs, runs and passes its tests.

    Without --architecture and --data-source it brings an architecture that is called like the package.
    """
    from cnnforge import scaffold

    contents = scaffold.plugin_files(name, architecture=architecture, data_source=data_source)
    scaffold.write_plugin(Path(name), contents)
    typer.echo("\n".join(f"wrote {name}/{path}" for path in contents))
    typer.echo(f"\nNext:\n  pip install --editable '{name}[test]'\n  cnnforge plugins check {name}\n  pytest {name}")
