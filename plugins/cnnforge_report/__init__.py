"""What the report of a run shows, section by section, and the model card beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import cnnforge

if TYPE_CHECKING:
    import keras
    import numpy as np

    from cnnforge.evaluation import Predictions
    from cnnforge.host import Registry
    from cnnforge.running import Run

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


@cnnforge.hookimpl
def cnnforge_evaluated(
    run: Run,
    registry: Registry,
    model: keras.Model,
    predictions: Predictions,
    pixels: Callable[[np.ndarray], np.ndarray],
) -> list[str]:
    """Keep what the report shows of single images."""
    from cnnforge.host import ExplainerSpec
    from cnnforge_report.examples import write_examples

    write_examples(
        run.directory,
        predictions,
        pixels,
        model=model,
        explainers=registry.catalogue(ExplainerSpec),
        num_mistakes=run.resolved.recipe.evaluation.num_mistakes,
    )
    return []
