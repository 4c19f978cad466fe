"""Arguments and options that several commands take, worded once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cnnforge.cli import completion

RecipeArgument = Annotated[
    str, typer.Argument(help="A recipe's name or file.", autocompletion=completion.complete_recipes)
]
DataOption = Annotated[Path | None, typer.Option("--data", help="Folder or archive of photographs.")]
ArchitectureOption = Annotated[
    str | None,
    typer.Option("--architecture", help="Another architecture.", autocompletion=completion.complete_architectures),
]
SettingsOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Change a setting; repeatable.")
]
RunArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="A run's folder, or its name below runs/.", autocompletion=completion.complete_runs
    ),
]
