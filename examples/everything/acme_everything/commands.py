"""A command; typer makes its options of the function's arguments."""

import typer


def hello(name: str = typer.Argument("world", help="Whom to greet.")) -> None:
    """Greet somebody."""
    typer.echo(f"Hello, {name}")
