"""The report of a run: one self-contained HTML file, made from the files of the run directory alone."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from cnnforge import files
from cnnforge.results import formats, run_files, sections
from cnnforge.results.run_files import RunFiles
from cnnforge.run_dir import RunDir

MAX_PICTURE_BYTES = 4_000_000
"""Total length of the mistakes' pictures in a report, as text; with the rest a report stays below 5 MB."""

MAX_SHEET_BYTES = 500_000
"""Length of the sheet of augmented images, as text."""

_MEDIA_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}


@dataclass(frozen=True, slots=True)
class Mistake:
    """A misclassified image; ``picture`` is a data URI, empty where there is no picture to show."""

    name: str
    label: str
    predicted: str
    probability: float
    picture: str


def write_report(run_dir: RunDir) -> Path:
    """Write ``report.html`` from the other files of a run directory.

    Args:
        run_dir: The run; files that an unfinished run lacks leave out their sections.

    Raises:
        RecipeError: The folder holds no run.
        StorageError: The report cannot be written.
    """
    page = render(run_files.read(run_dir))
    # A file name that is no valid text in its file system comes as lone surrogates, which UTF-8 cannot hold.
    files.write_text(run_dir.report, page.encode("utf-8", "replace").decode("utf-8"))
    return run_dir.report


def render(found: RunFiles) -> str:
    """Return the report as HTML."""
    return (
        environment()
        .get_template("report.html.j2")
        .render(files=found, s=sections, mistakes=mistakes(found), augmentation=augmentation(found))
    )


def augmentation(found: RunFiles) -> str:
    """Return the sheet of augmented training images as a data URI, empty if there is none."""
    return _picture_uri(found.directory.path, found.directory.augmentation.name, MAX_SHEET_BYTES)


def mistakes(found: RunFiles) -> list[Mistake]:
    """Return the worst mistakes, with pictures as long as they fit into ``MAX_PICTURE_BYTES``."""
    shown, left = [], MAX_PICTURE_BYTES
    for mistake in found.evaluation.get("mistakes", ()):
        uri = _picture_uri(found.directory.path, mistake.get("file") or "", left)
        left -= len(uri)
        shown.append(Mistake(mistake["name"], mistake["label"], mistake["predicted"], mistake["probability"], uri))
    return shown


def _picture_uri(folder: Path, name: str, max_length: int) -> str:
    """Return a picture of the run directory as a data URI; empty if it is none, too large, or lies anywhere else."""
    path = (folder / name).resolve()
    media_type = _MEDIA_TYPES.get(path.suffix.lower())
    if media_type is None or not path.is_relative_to(folder.resolve()) or not path.is_file():
        return ""
    uri = f"data:{media_type};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
    return uri if len(uri) <= max_length else ""


def environment() -> Environment:
    """Return what renders the package's templates, with numbers written as people read them."""
    environment = Environment(
        loader=PackageLoader("cnnforge.results"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": formats.number,
        "count": formats.count,
        "percent": formats.percent,
        "duration": formats.duration,
    }
    return environment
