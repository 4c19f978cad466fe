"""The report of a run: one self-contained HTML file, made from the files of the run directory alone."""

from __future__ import annotations

from pathlib import Path

from cnnforge.report import gallery, model_card, page, run_files, sections, trust
from cnnforge.report.run_files import RunFiles
from cnnforge.runs.run_dir import RunDir
from cnnforge.system import files


def write_report(run_dir: RunDir) -> Path:
    """Write ``report.html`` and ``model_card.md`` from the other files of a run directory.

    Args:
        run_dir: The run; files that an unfinished or older run lacks leave out their sections.

    Raises:
        RecipeError: The folder holds no run.
        StorageError: They cannot be written.
    """
    found = run_files.read(run_dir)
    files.write_text(run_dir.report, render(found))
    if found.evaluation:
        files.write_text(run_dir.model_card, page.as_utf8(model_card.model_card(found)))
    return run_dir.report


def render(found: RunFiles) -> str:
    """Return the report as HTML."""
    return page.render(
        "report.html.j2",
        files=found,
        s=sections,
        trust=trust,
        gallery=gallery.gallery(found),
        augmentation=gallery.augmentation(found),
    )
