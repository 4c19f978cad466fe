"""Exporting a run, for the command line and for Python alike."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnforge.errors import RecipeError
from cnnforge.host import ExportFormatSpec
from cnnforge.interface import default_reporter, registry
from cnnforge.recipe import validate
from cnnforge.running import RunDir
from cnnforge.system import Reporter, import_keras

if TYPE_CHECKING:
    import cnnforge


def export(
    run: cnnforge.Run,
    format: str,  # noqa: A002
    *,
    out: str | Path | None = None,
    reporter: Reporter | None = None,
    **options: Any,
) -> Path:
    """Write a trained network for other programs and check it there; return the folder, with ``export.json``.

    Args:
        run: A trained run.
        format: The name of an export format.
        out: The folder to write; None: ``exports/FORMAT`` of the run.
        reporter: Told what happens; None: it is shown here.
        options: Of the format.

    Raises:
        ExportError: What was written does not say what the network says.
        RecipeError: The format has no such option, the folder exists, or a package is missing.
    """
    directory = RunDir(run.directory)
    entry = registry().catalogue(ExportFormatSpec).get(format)
    checked = validate(entry.spec.options, _known(entry.spec, options), entry.spec.name)
    quantize = getattr(checked, "quantize", None)
    folder = Path(out or directory.exports / (f"{format}-{quantize}" if quantize else format))
    if folder.exists():
        raise RecipeError(
            f"expected a new folder, received --out {folder}, which exists already",
            hint="choose another --out; an export is never overwritten",
        )
    _check_packages(entry.spec)
    if reporter is None:
        with default_reporter() as own:
            return export(run, format, out=folder, reporter=own, **options)
    import_keras()
    from cnnforge_export.export import export as write

    write(run.trained, entry, checked, folder, reporter)
    return folder


def _known(spec: ExportFormatSpec, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that are set.

    Raises:
        RecipeError: ``quantize`` is set for a format without it.
    """
    quantize = options.get("quantize")
    if quantize is not None and "quantize" not in spec.options.model_fields:
        entries = registry().catalogue(ExportFormatSpec).all()
        quantized = [entry.spec.name for entry in entries if "quantize" in entry.spec.options.model_fields]
        raise RecipeError(
            f"expected --quantize with --format {' or '.join(quantized)} only, received --quantize {quantize} with"
            f" --format {spec.name}"
        )
    return {name: value for name, value in options.items() if value is not None}


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
