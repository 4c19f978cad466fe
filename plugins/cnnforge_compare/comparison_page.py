"""The page of a comparison: one self-contained HTML file."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

from markupsafe import Markup

from cnnforge.cli import render as table, wrap
from cnnforge.data import DecodeSettings, decode, open_source
from cnnforge.errors import CnnforgeError
from cnnforge.host import Registry
from cnnforge.recipe import load_recipe, resolve
from cnnforge.report import charts, numbers, page
from cnnforge.running import RunImages
from cnnforge.system import one_line
from cnnforge_compare import comparison
from cnnforge_compare.comparison import ComparedRun, Photograph

MAX_PHOTOGRAPHS = 24
_MAX_SETTING = 40  # characters of a value in a terminal

_CHARTS = {
    "val_accuracy": "Validation accuracy",
    "val_loss": "Validation loss",
    "accuracy": "Training accuracy",
    "loss": "Training loss",
}


def render(runs: Sequence[ComparedRun], registry: Registry) -> str:
    """Return the page that compares runs.

    Args:
        runs: At least two.
        registry: Where the data source is looked up that has the photographs.
    """
    disagreements = comparison.disagreements(runs)
    picture = _pictures(runs, registry)
    shown = [(item, picture(item.photograph)) for item in disagreements[:MAX_PHOTOGRAPHS]]
    pairs = comparison.pairs(runs)
    return page.render(
        __package__,
        "compare.html.j2",
        runs=runs,
        measures=comparison.measures(runs),
        classes=comparison.classes(runs),
        differences=comparison.recipe_differences(runs),
        pairs=pairs,
        verdicts=[comparison.verdict(pair) for pair in pairs],
        curves=_curves(runs),
        disagreements=shown,
        num_disagreements=len(disagreements),
    )


def text(runs: Sequence[ComparedRun]) -> str:
    """Return the comparison for a terminal."""
    letters = [run.letter for run in runs]
    differences = [
        (key, *(value if len(value) <= _MAX_SETTING else f"{value[:_MAX_SETTING]}…" for value in values))
        for key, values in comparison.recipe_differences(runs)
    ]
    sections = [
        "\n".join(one_line(f"{run.letter}  {run.name}") for run in runs),
        table(("measure", *letters), [(name, *texts) for name, texts in comparison.measures(runs)]),
        table(("class: found, 95 % interval", *letters), [(name, *texts) for name, texts in comparison.classes(runs)]),
        table(("setting", *letters), differences) if differences else "The recipes are the same.",
        *(wrap(comparison.verdict(pair)) for pair in comparison.pairs(runs)),
        f"Different answers on {len(comparison.disagreements(runs)):,} photographs.",
    ]
    return "\n\n".join(sections).replace("\N{NO-BREAK SPACE}", " ")


def _curves(runs: Sequence[ComparedRun]) -> list[tuple[str, Markup]]:
    """Return a chart for each of the common metrics, a line for each run."""
    epochs = sorted({line["epoch"] for run in runs for line in run.files.epochs})
    drawn_charts = []
    for number, (metric, title) in enumerate(_CHARTS.items()):
        lines = [_line(run, index, metric, epochs) for index, run in enumerate(runs)]
        drawn = [line for line in lines if line.points(epochs)]
        if drawn:
            is_share = "accuracy" in metric
            chart = charts.line_chart(f"curve-{number}", f"{title} over epochs", epochs, drawn, percent=is_share)
            drawn_charts.append((title, chart))
    return drawn_charts


def _line(run: ComparedRun, index: int, metric: str, epochs: Sequence[int]) -> charts.Series:
    values = {line["epoch"]: line[metric] for line in run.files.epochs if numbers.is_number(line.get(metric))}
    return charts.Series(run.letter, f"run-{index}", [values.get(epoch) for epoch in epochs])


def _pictures(runs: Sequence[ComparedRun], registry: Registry) -> Callable[[Photograph], str]:
    """Return what gives a photograph as a URI: from the data of the first run that still has it; empty if none has."""
    sources = [source for run in runs if (source := _open(run.files.directory / "recipe.toml", registry))]

    def picture(photograph: Photograph) -> str:
        return next((uri for source in sources if (uri := source(photograph))), "")

    return picture


def _open(recipe: Path, registry: Registry) -> Callable[[Photograph], str] | None:
    try:
        resolved = resolve(load_recipe(str(recipe), registry), registry)
        images = RunImages(open_source(resolved))
    except CnnforgeError:  # the data are gone, or the plugin that reads them
        return None
    settings = DecodeSettings.of(resolved.recipe.data, resolved.input_shape)

    def picture(photograph: Photograph) -> str:
        try:
            content = images.read(*photograph)
            jpeg = io.BytesIO()
            decode(content, settings).image.save(jpeg, "JPEG", quality=85)
        except Exception:  # missing, changed or damaged meanwhile, in whatever way: a page does without
            return ""
        return page.data_uri(jpeg.getvalue(), "image/jpeg")

    return picture
