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

MAX_PICTURE_BYTES = 3_000_000
"""Total size of the pictures in a report; as text they take a third more, and a report stays below 5 MB."""

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
    return _environment().get_template("report.html.j2").render(files=found, s=sections, mistakes=mistakes(found))


def mistakes(found: RunFiles) -> list[Mistake]:
    """Return the worst mistakes, with pictures as long as they fit into ``MAX_PICTURE_BYTES``."""
    shown, left = [], MAX_PICTURE_BYTES
    for mistake in found.evaluation.get("mistakes", ()):
        picture = _read_picture(found.directory.path, mistake.get("file") or "", left)
        left -= len(picture)
        media_type = _MEDIA_TYPES[Path(mistake["file"]).suffix.lower()] if picture else ""
        uri = f"data:{media_type};base64,{base64.b64encode(picture).decode('ascii')}" if picture else ""
        shown.append(Mistake(mistake["name"], mistake["label"], mistake["predicted"], mistake["probability"], uri))
    return shown


def _read_picture(folder: Path, name: str, max_bytes: int) -> bytes:
    """Return a picture of the run directory; empty if it is none, too large, or lies anywhere else."""
    path = (folder / name).resolve()
    is_ours = path.is_relative_to(folder.resolve()) and path.suffix.lower() in _MEDIA_TYPES and path.is_file()
    return path.read_bytes() if is_ours and path.stat().st_size <= max_bytes else b""


def _environment() -> Environment:
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
