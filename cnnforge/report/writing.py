"""The report of a run: one self-contained HTML file, made from the files of the run directory alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cnnforge.host import Registry
from cnnforge.report import page
from cnnforge.report.run_files import RunFiles, read_run_files
from cnnforge.report.sections import report_sections
from cnnforge.system import files


def write_report(directory: Path, registry: Registry) -> Path:
    """Write ``report.html``, and what plugins put beside it, from the other files of a run directory.

    Args:
        directory: Of the run; files that an unfinished or older run lacks leave out their sections.
        registry: Measures and sections.

    Raises:
        RecipeError: The folder holds no run.
        StorageError: They cannot be written.
    """
    run_files = read_run_files(directory, registry)
    sections = report_sections(run_files, registry)
    beside = [section for section in sections if section.spec.file and not section.error]
    content = page.render(
        __package__,
        "report.html.j2",
        files=run_files,
        status=_status(run_files),
        sections=[section for section in sections if section not in beside],
        beside=[section.spec for section in beside],
    )
    files.write_text(directory / "report.html", content)
    for section in beside:
        files.write_text(directory / section.spec.file, page.as_utf8(section.body))
    return directory / "report.html"


def excerpt(directory: Path, registry: Registry, names: Sequence[str]) -> str:
    """Return a page of some sections of a run's report, by their names; those with nothing to show are left out."""
    run_files = read_run_files(directory, registry)
    sections = [section for section in report_sections(run_files, registry) if section.spec.name in names]
    status = _status(run_files)
    return page.render(__package__, "report.html.j2", files=run_files, status=status, sections=sections, beside=[])


def _status(run_files: RunFiles) -> str:
    """Return a sentence on a run that did not finish; empty for one that did."""
    state = run_files.run.get("status", "")
    if state == "finished":
        return ""
    done, planned = len(run_files.epochs), run_files.planned_epochs
    epochs = f"{done} of {planned} epochs" if planned else f"{done} {'epoch' if done == 1 else 'epochs'}"
    reason = f" {error}" if (error := run_files.run.get("error")) else ""
    return f"This run is not complete: its status is “{state}”. It trained for {epochs}.{reason}"
