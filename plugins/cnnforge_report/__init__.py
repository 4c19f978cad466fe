"""What the report of a run shows, section by section, and the model card beside it."""

from __future__ import annotations

from collections.abc import Iterator

import cnnforge

_SECTIONS = {
    # name: title, heading, function
    "result": ("Result", "", "result:result"),
    "curves": ("Curves", "How it learned", "curves:curves"),
    "measures": ("Measures", "Measures", "classes:measures"),
    "classes": ("Classes", "Confusion matrix", "classes:classes"),
    "trust": ("Probabilities", "How far its probabilities go", "probabilities:trust"),
    "photographs": ("Images", "Images to look at", "photographs:photographs"),
    "labels": ("Labels", "Labels that may be wrong", "photographs:labels"),
    "data": ("Data", "The data", "dataset:data"),
    "time": ("Time", "Where the time went", "record:spent_time"),
    "reproduce": ("Reproduce", "Do it again", "record:reproduce"),
}


@cnnforge.hookimpl
def cnnforge_report_sections() -> Iterator[cnnforge.ReportSectionSpec]:
    """Bring the sections of the report, and the model card."""
    for name, (title, heading, function) in _SECTIONS.items():
        yield cnnforge.ReportSectionSpec(name=name, title=title, heading=heading, render=f"{__name__}.{function}")
    yield cnnforge.ReportSectionSpec(
        name="model_card", title="Model card", render="cnnforge_report.model_card:model_card", file="model_card.md"
    )
