"""``cnnforge data``: the group of the commands that plugins bring about photographs."""

from __future__ import annotations

import typer

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def data() -> None:
    """Get and check photographs; look after the image store."""
