"""``cnnforge tune``: search better settings of a recipe."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cnnforge.cli import ArchitectureOption, DataOption, SettingsOption, echo_json
from cnnforge.system import files


def tune(
    recipe: Annotated[str, typer.Argument(help="A recipe's name or file.")] = "catsdogs",
    trials: Annotated[int | None, typer.Option("--trials", min=1, help="Configurations to try.")] = None,
    algorithm: Annotated[
        str | None, typer.Option(help="How they are chosen: `cnnforge list search-algorithms`.")
    ] = None,
    search: Annotated[
        list[str] | None,
        typer.Option("--search", metavar="SECTION.KEY", help="Search this setting instead; repeatable."),
    ] = None,
    data: DataOption = None,
    architecture: ArchitectureOption = None,
    settings: SettingsOption = None,
    executor: Annotated[str | None, typer.Option("--executor", help="Where trials run.")] = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Trials at a time.")] = None,
    studies_dir: Annotated[Path, typer.Option("--studies-dir", help="Parent of the study folder.")] = Path("studies"),
    name: Annotated[str | None, typer.Option("--name", help="Name of the study; the recipe's if left out.")] = None,
    time_limit: Annotated[
        float | None, typer.Option("--time-limit", metavar="MINUTES", min=0, help="Start no trial after that.")
    ] = None,
    fork: Annotated[
        bool, typer.Option("--fork", help="Where the study has changed, start a new one from its finished trials.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Search better settings of a recipe with Keras Tuner.

    The same command goes on with a study that was interrupted.
    """
    from cnnforge_tuning.interface import tune as tuned

    study = tuned(
        recipe,
        data=data,
        architecture=architecture,
        trials=trials,
        algorithm=algorithm,
        search=search or (),
        settings=settings or (),
        name=name,
        studies_dir=studies_dir,
        minutes=time_limit,
        executor=executor,
        workers=workers,
        fork=fork,
        stream=sys.stderr if as_json else sys.stdout,
    )
    if as_json:
        echo_json({"study": str(study.directory), **files.read_json(study.directory / "study.json")})
