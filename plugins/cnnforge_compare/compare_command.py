"""``cnnforge compare RUN RUN…``: what distinguishes runs, as tables and as a page."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnnforge.cli import complete_runs, echo_json, registry, render, wrap
from cnnforge.errors import RecipeError
from cnnforge.running import default_run_name, find_run
from cnnforge.system import one_line

if TYPE_CHECKING:
    from cnnforge_compare.comparison import ComparedRun

_MAX_SETTING = 40  # characters of a value in a terminal


def compare(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...", help="Folders of runs, or their names below runs/.", autocompletion=complete_runs
        ),
    ],
    page: Annotated[
        Path | None, typer.Option("--page", help="HTML file to write; default: a new one beside the first run.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Compare runs: recipes, measures, and where they disagree.

    With McNemar's test on the photographs that they have in common.
    """
    directories = [find_run(reference) for reference in runs]
    from cnnforge_compare import comparison
    from cnnforge_compare.comparison_page import write_page

    if not 2 <= len({directory.path.resolve() for directory in directories}) == len(runs) <= comparison.MAX_RUNS:
        raise RecipeError(
            f"expected 2 to {comparison.MAX_RUNS} different runs, received {len(runs)}: {', '.join(runs)}"
        )
    if page is not None and page.exists():
        raise RecipeError(f"expected a new file, received --page {page}, which exists already")
    compared = comparison.read_runs(directories, registry())
    path = page or directories[0].path.absolute().parent / f"{default_run_name('comparison')}.html"
    write_page(path, compared, registry())
    if as_json:
        echo_json({"page": str(path), **_describe(compared)})
    else:
        typer.echo(_text(compared) + "\n\n" + one_line(f"Page  {path}"))


def _text(runs: list[ComparedRun]) -> str:
    from cnnforge_compare import comparison

    letters = [run.letter for run in runs]
    differences = [
        (key, *(value if len(value) <= _MAX_SETTING else f"{value[:_MAX_SETTING]}…" for value in values))
        for key, values in comparison.recipe_differences(runs)
    ]
    sections = [
        "\n".join(one_line(f"{run.letter}  {run.name}") for run in runs),
        render(("measure", *letters), [(name, *texts) for name, texts in comparison.measures(runs)]),
        render(("class: found, 95 % interval", *letters), [(name, *texts) for name, texts in comparison.classes(runs)]),
        render(("setting", *letters), differences) if differences else "The recipes are the same.",
        *(wrap(comparison.verdict(pair)) for pair in comparison.pairs(runs)),
        f"Different answers on {len(comparison.disagreements(runs)):,} photographs.",
    ]
    return "\n\n".join(sections).replace("\N{NO-BREAK SPACE}", " ")


def _describe(runs: list[ComparedRun]) -> dict[str, Any]:
    from cnnforge_compare import comparison

    return {
        "runs": [
            {"letter": run.letter, "path": str(run.files.directory), "evaluation": run.files.evaluation} for run in runs
        ],
        "recipe_differences": dict(comparison.recipe_differences(runs)),
        "pairs": [asdict(pair) for pair in comparison.pairs(runs)],
        "disagreements": [
            {"name": item.photograph[0], "label": item.label, "answers": [asdict(a) for a in item.answers]}
            for item in comparison.disagreements(runs)
        ],
    }
