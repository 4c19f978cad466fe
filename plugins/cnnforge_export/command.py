"""``cnnforge export``: a trained network for other programs, checked in its own runtime."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from cnnforge.cli import RunArgument, echo_json, registry, render
from cnnforge_export.formats import Format, Quantization, check


def export(
    run: RunArgument,
    format: Annotated[Format, typer.Option("--format", help="saved-model, onnx, litert or keras.")],  # noqa: A002
    quantize: Annotated[
        Quantization | None, typer.Option("--quantize", help="float16, dynamic or int8; for litert.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The folder to write; default: exports/FORMAT in the run's folder.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what export.json holds as JSON.")] = False,
) -> None:
    """Write a trained network for other programs, and check it.

    What is written must say in its own runtime what the network says here; otherwise nothing is left behind.
    """
    from cnnforge.runs import find_run

    directory = find_run(run)
    out = out or directory.exports / (f"{format}-{quantize}" if quantize else format)
    check(format, quantize, out)
    os.environ["KERAS_BACKEND"] = "tensorflow"  # its graphs are what every format is converted from
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # a GPU rounds more coarsely than the check allows
    from cnnforge.system import import_keras

    import_keras()
    from cnnforge.cli import terminal_reporter
    from cnnforge.runs import load_trained_run
    from cnnforge_export.export import export as write

    with terminal_reporter(sys.stderr if as_json else sys.stdout) as reporter:
        facts = write(load_trained_run(directory, registry()), format, quantize, out, reporter)
    if as_json:
        echo_json({"folder": str(out), **facts})
        return
    typer.echo(_table(facts))
    typer.echo(f"Export   {out}")


def _table(facts: dict[str, Any]) -> str:
    rows = [
        (
            check["checked"],
            str(check["num_images"]),
            f"{check['max_difference']:.1e}",
            "–" if facts["quantize"] else f"{check['tolerance']:.0e}",
            str(check["num_other_class"]),
        )
        for check in facts["checks"]
    ]
    table = render(("golden images", "number", "largest difference", "allowed", "other class"), rows)
    if not facts["quantize"]:
        return table
    measured = facts["quantization"]
    return (
        f"{table}\n{measured['num_images']:,} {measured['split']} images: the same class for"
        f" {measured['agreement']:.1%} (at least {measured['min_agreement']:.0%}),\n"
        f"accuracy {measured['accuracy']:.3f} instead of {measured['accuracy_before']:.3f}"
        f" (at most {measured['max_lost_accuracy']:g} less)"
    )
