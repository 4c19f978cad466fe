"""``cnnforge benchmark``: where the time of a recipe goes on this machine."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from cnnforge.cli import ArchitectureOption, DataOption, RecipeArgument, SettingsOption, echo_json, render, wrap
from cnnforge.interface import registry, resolve_recipe

_PARTS = {
    "scan": "read, check, decode and store every image, once",
    "feed": "gather (and augment) batches of decoded images",
    "train_step": "train on a batch that is always there",
    "train_with_feed": "train on the feed, as a run does",
    "evaluate": "evaluate on the validation images",
    "predict": "predict the validation images",
}


def benchmark(
    recipe: RecipeArgument,
    data: DataOption = None,
    architecture: ArchitectureOption = None,
    settings: SettingsOption = None,
    steps: Annotated[int, typer.Option("--steps", min=3, help="Training steps of each measurement.")] = 40,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Measure where the time of a recipe goes on this machine.

    Reading, feeding, training and evaluating are measured apart, and it says which bounds a run.
    """
    resolved = resolve_recipe(recipe, data=data, architecture=architecture, settings=settings or [])
    from cnnforge.system import import_keras

    import_keras()
    from cnnforge.interface import terminal_reporter
    from cnnforge_fast_cpu.benchmark import benchmark as measure

    with terminal_reporter(sys.stderr) as reporter:
        measured = measure(resolved, registry(), reporter, steps)
    if as_json:
        echo_json(measured)
        return
    rows = [(part, f"{measured['images_per_second'][part]:,.0f}", text) for part, text in _PARTS.items()]
    typer.echo(render(("part", "images/s", "what it does"), rows))
    chosen = measured["precision"]
    typer.echo(f"Arithmetic: {chosen['policy']} ({chosen['reason']})")
    typer.echo(wrap(measured["verdict"]))
