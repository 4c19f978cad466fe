"""``cnnforge explain``: what a trained network looks for, and where it looks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from cnnforge.cli import RunArgument, echo_json, render, wrap
from cnnforge.interface import load, terminal_reporter
from cnnforge.system import files, one_line


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
    opened = load(run)
    from cnnforge_explain.interface import explain as explained

    with terminal_reporter(sys.stderr) as reporter:
        page = explained(opened, images, out=out, reporter=reporter)
    content = files.read_json(page.with_name("explanation.json"))
    if as_json:
        echo_json({"folder": str(page.parent), **content})
    else:
        typer.echo(f"{_text(content)}\n\n" + one_line(f"Page  {page}"))


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
