"""Arguments and options that several commands take, worded once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RecipeArgument = Annotated[str, typer.Argument(help="A recipe's name or file.")]
DataOption = Annotated[Path | None, typer.Option("--data", help="Folder or archive of photographs.")]
ArchitectureOption = Annotated[str | None, typer.Option("--architecture", help="Another architecture.")]
SettingsOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Change a setting; repeatable.")
]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run's folder, or its name below runs/.")]
