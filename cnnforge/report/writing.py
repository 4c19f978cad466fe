"""The report of a run: one self-contained HTML file, made from the files of the run directory alone."""

from __future__ import annotations

from pathlib import Path

from cnnforge.evaluation import measure_specs
from cnnforge.host import Registry
from cnnforge.report import gallery, model_card, page, sections, trust
from cnnforge.report.figures import measured_figures
from cnnforge.report.plugin_sections import plugin_sections
from cnnforge.report.run_files import RunFiles, read_run_files
from cnnforge.system import files


def write_report(directory: Path, registry: Registry) -> Path:
    """Write ``report.html`` and ``model_card.md`` from the other files of a run directory.

    Args:
        directory: Of the run; files that an unfinished or older run lacks leave out their sections.
        registry: Measures, and sections of plugins.

    Raises:
        RecipeError: The folder holds no run.
        StorageError: They cannot be written.
    """
    found = read_run_files(directory)
    files.write_text(directory / "report.html", render(found, registry))
    if found.evaluation:
        files.write_text(directory / "model_card.md", page.as_utf8(model_card.model_card(found, registry)))
    return directory / "report.html"


def render(found: RunFiles, registry: Registry) -> str:
    """Return the report as HTML."""
    return page.render(
        __package__,
        "report.html.j2",
        files=found,
        s=sections,
        specs=measure_specs(registry),
        figures=measured_figures(found.evaluation, registry),
        following=plugin_sections(found, registry),
        trust=trust,
        gallery=gallery.gallery(found),
        augmentation=gallery.augmentation(found),
    )
