"""Several runs: the commands ``compare``, ``reproduce`` and ``runs prune``, and what the report says of the second."""

from __future__ import annotations

from collections.abc import Iterator

import cnnforge


@cnnforge.hookimpl
def cnnforge_commands() -> Iterator[cnnforge.CommandSpec]:
    """Bring the commands."""
    yield cnnforge.CommandSpec(
        name="compare",
        summary="Compare runs: recipes, measures, and where they disagree.",
        app="cnnforge_compare.compare_command:compare",
        function="cnnforge_compare.interface:compare",
    )
    yield cnnforge.CommandSpec(
        name="reproduce",
        summary="Train a run again from its record and compare the two.",
        app="cnnforge_compare.reproduce_command:reproduce",
        function="cnnforge_compare.interface:reproduce",
    )
    yield cnnforge.CommandSpec(
        name="runs prune",
        summary="Delete runs, after showing which and how much disk that frees.",
        app="cnnforge_compare.prune_command:prune",
    )


@cnnforge.hookimpl
def cnnforge_report_sections() -> Iterator[cnnforge.ReportSectionSpec]:
    """Bring the section of a run that repeats another."""
    yield cnnforge.ReportSectionSpec(
        name="reproduction",
        title="Reproduction",
        render="cnnforge_compare.reproduction_section:render",
        after="reproduce",
    )
