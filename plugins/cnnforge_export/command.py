"""``cnnforge export``: a trained network for other programs, checked in its own runtime."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from cnnforge.cli import RunArgument, complete_export_formats, echo_json, render
from cnnforge.errors import RecipeError
from cnnforge.interface import load, terminal_reporter
from cnnforge.system import files, one_line


def export(
    run: RunArgument,
    format: Annotated[  # noqa: A002
        str,
        typer.Option(
            "--format",
            help="saved-model, onnx, litert, keras, or a plugin's: see `cnnforge list export-formats`.",
            autocompletion=complete_export_formats,
        ),
    ],
    quantize: Annotated[
        str | None, typer.Option("--quantize", help="float16, dynamic or int8; for litert. The option quantize.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Set an option of the format; repeatable.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The folder to write; default: exports/FORMAT in the run's folder.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what export.json holds as JSON.")] = False,
) -> None:
    """Write a trained network for other programs, and check it.

    What is written must say in its own runtime what the network says here; otherwise nothing is left behind.
    """
    opened = load(run)
    from cnnforge_export.interface import export as exported

    values = {**_values(settings or []), **({} if quantize is None else {"quantize": quantize})}
    os.environ["KERAS_BACKEND"] = "tensorflow"  # its graphs are what every format is converted from
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # a GPU rounds more coarsely than the check allows
    with terminal_reporter(sys.stderr if as_json else sys.stdout) as reporter:
        folder = exported(opened, format, out=out, reporter=reporter, **values)
    facts = files.read_json(folder / "export.json")
    if as_json:
        echo_json({"folder": str(folder), **facts})
        return
    typer.echo(_table(facts))
    typer.echo(one_line(f"Export   {folder}"))


def _values(settings: Sequence[str]) -> dict[str, Any]:
    """Return the options of a format as the command line sets them.

    Raises:
        RecipeError: One is not of the form key=value.
    """
    from cnnforge.recipe import apply_override

    values: dict[str, Any] = {"options": {}}
    for setting in settings:
        if "=" not in setting:
            raise RecipeError(f"expected --set key=value, received --set {setting}")
        apply_override(values, f"options.{setting}")
    options: dict[str, Any] = values["options"]
    return options


def _table(facts: dict[str, Any]) -> str:
    rows = [
        (
            check["checked"],
            str(check["num_images"]),
            f"{check['max_difference']:.1e}",
            "–" if "quantization" in facts else f"{check['tolerance']:.0e}",
            str(check["num_other_class"]),
        )
        for check in facts["checks"]
    ]
    table = render(("golden images", "number", "largest difference", "allowed", "other class"), rows)
    if "quantization" not in facts:
        return table
    measured = facts["quantization"]
    return (
        f"{table}\n{measured['num_images']:,} {measured['split']} images: the same class for"
        f" {measured['agreement']:.1%} (at least {measured['min_agreement']:.0%}),\n"
        f"accuracy {measured['accuracy']:.3f} instead of {measured['accuracy_before']:.3f}"
        f" (at most {measured['max_lost_accuracy']:g} less)"
    )
