"""``cnnforge export``: a trained network for other programs, checked in its own runtime."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from cnnforge.cli import RunArgument, complete_export_formats, echo_json, registry, render
from cnnforge.errors import RecipeError
from cnnforge.host import ExportFormatSpec, Options
from cnnforge.system import one_line


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
    from cnnforge.running import find_run

    directory = find_run(run)
    entry = registry().catalogue(ExportFormatSpec).get(format)
    options = _options(entry.spec, quantize, settings or [])
    quantize = getattr(options, "quantize", None)
    out = out or directory.exports / (f"{format}-{quantize}" if quantize else format)
    if out.exists():
        raise RecipeError(
            f"expected a new folder, received --out {out}, which exists already",
            hint="choose another --out; an export is never overwritten",
        )
    _check_packages(entry.spec)
    os.environ["KERAS_BACKEND"] = "tensorflow"  # its graphs are what every format is converted from
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # a GPU rounds more coarsely than the check allows
    from cnnforge.system import import_keras

    import_keras()
    from cnnforge.cli import terminal_reporter
    from cnnforge.running import load_trained_run
    from cnnforge_export.export import export as write

    with terminal_reporter(sys.stderr if as_json else sys.stdout) as reporter:
        facts = write(load_trained_run(directory, registry()), entry, options, out, reporter)
    if as_json:
        echo_json({"folder": str(out), **facts})
        return
    typer.echo(_table(facts))
    typer.echo(one_line(f"Export   {out}"))


def _options(spec: ExportFormatSpec, quantize: str | None, settings: Sequence[str]) -> Options:
    """Return the options of a format as the command line sets them.

    Raises:
        RecipeError: The format has no such option, or not with that value.
    """
    from cnnforge.recipe import apply_override, validate

    if quantize is not None and "quantize" not in spec.options.model_fields:
        quantized = [
            entry.spec.name
            for entry in registry().catalogue(ExportFormatSpec).all()
            if "quantize" in entry.spec.options.model_fields
        ]
        raise RecipeError(
            f"expected --quantize with --format {' or '.join(quantized)} only, received --quantize {quantize} with"
            f" --format {spec.name}"
        )
    values: dict[str, Any] = {spec.name: {}}
    for setting in settings:
        if "=" not in setting:
            raise RecipeError(f"expected --set key=value, received --set {setting}")
        apply_override(values, f"{spec.name}.{setting}")
    if quantize is not None:
        values[spec.name]["quantize"] = quantize
    return validate(spec.options, values[spec.name], spec.name)


def _check_packages(spec: ExportFormatSpec) -> None:
    """Raise RecipeError if a package is missing that the format is written or checked with."""
    missing = [name for name in spec.packages if not _is_installed(name)]
    if missing:
        raise RecipeError(
            f"--format {spec.name} needs packages that are not installed: {', '.join(missing)}",
            hint=f"pip install {' '.join(missing)}",
        )


def _is_installed(package: str) -> bool:
    """Return whether a package is there, or another with the module of its name, as onnxruntime-gpu has."""
    try:
        distribution(package)
    except PackageNotFoundError:
        return find_spec(package.replace("-", "_")) is not None
    return True


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
