"""The report of a run: one self-contained HTML file, made from the files of the run directory alone."""

from __future__ import annotations

from pathlib import Path

from cnnforge.report import gallery, model_card, page, sections, trust
from cnnforge.report.run_files import RunFiles, read_run_files
from cnnforge.system import files


def write_report(directory: Path) -> Path:
    """Write ``report.html`` and ``model_card.md`` from the other files of a run directory.

    Args:
        directory: Of the run; files that an unfinished or older run lacks leave out their sections.

    Raises:
        RecipeError: The folder holds no run.
        StorageError: They cannot be written.
    """
    found = read_run_files(directory)
    files.write_text(directory / "report.html", render(found))
    if found.evaluation:
        files.write_text(directory / "model_card.md", page.as_utf8(model_card.model_card(found)))
    return directory / "report.html"


def render(found: RunFiles) -> str:
    """Return the report as HTML."""
    return page.render(
        __package__,
        "report.html.j2",
        files=found,
        s=sections,
        trust=trust,
        gallery=gallery.gallery(found),
        augmentation=gallery.augmentation(found),
    )
