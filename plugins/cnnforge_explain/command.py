"""``cnnforge explain``: what a trained network looks for, and where it looks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from cnnforge.cli import RunArgument, echo_json, load_trained, registry, render, wrap
from cnnforge.errors import RecipeError
from cnnforge.host import ExplainerSpec
from cnnforge.running import default_run_name, find_run
from cnnforge.system import one_line


def explain(
    run: RunArgument,
    images: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[IMAGE]...",
            help="Files, folders, zips, patterns, or - for standard input; default: the run's most certain, most"
            " doubtful and worst wrong photographs.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="New or empty folder; default: a new one in the run's explanations/.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures and file names as JSON.")] = False,
) -> None:
    """Show filters, feature maps, Grad-CAM and occlusion.

    PNG files and a page are written into a new folder.
    """
    directory = find_run(run)
    folder = _new_folder(out or directory.explanations / default_run_name("explain"))
    from cnnforge.cli import terminal_reporter

    trained = load_trained(run)
    from cnnforge_explain import explanation, explanation_page, selection

    with terminal_reporter(sys.stderr) as reporter:
        groups = selection.given(images, trained) if images else selection.of_evaluation(trained)
        found = explanation.explain(trained, groups, registry().catalogue(ExplainerSpec), reporter)
        content = explanation_page.write(found, trained, folder)
    if as_json:
        echo_json({"folder": str(folder), **content})
    else:
        typer.echo(f"{_text(content)}\n\n" + one_line(f"Page  {folder / 'index.html'}"))


def _new_folder(path: Path) -> Path:
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise RecipeError(f"expected a new or empty folder, received --out {path}", hint="nothing is ever overwritten")
    return path


def _text(content: dict[str, Any]) -> str:
    rows = [
        (
            group["title"],
            photograph["name"],
            photograph["label"] or "-",
            photograph["predicted"],
            f"{photograph['probability']:.3f}",
            "-" if photograph["agreement"] is None else f"{photograph['agreement']:.2f}",
        )
        for group in content["groups"]
        for photograph in group["photographs"]
    ]
    table = render(("group", "photograph", "label", "says", "probability", "agreement"), rows)
    return f"{table}\n\n{wrap(_agreement(content['agreement']))}"


def _agreement(agreement: dict[str, float] | None) -> str:
    if agreement is None:
        return "This network has no convolution that Grad-CAM could follow; occlusion is shown alone."
    return (
        f"Agreement: Spearman's rank correlation of Grad-CAM with occlusion, {agreement['mean']:.2f} on average over"
        f" {agreement['num_photographs']} images, {agreement['lowest']:.2f} to {agreement['highest']:.2f}."
    )
