"""``cnnforge predict RUN PATH…``: what a trained network sees in image files."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from io import BufferedReader
from typing import TYPE_CHECKING, Annotated, cast

import typer

from cnnforge.cli import RunArgument
from cnnforge.errors import DataError, RecipeError
from cnnforge.evaluation import rank
from cnnforge.interface import load, raw_stream, terminal_reporter
from cnnforge.system import Reporter, one_line
from cnnforge_predict.rows import Format, make_format

if TYPE_CHECKING:
    from cnnforge.running import Prediction


def predict(
    run: RunArgument,
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...",
            help="Files, folders, zip archives, patterns; '-': paths or one image from standard input.",
        ),
    ],
    top: Annotated[
        int | None, typer.Option("--top", metavar="K", min=1, help="Show the K most probable classes.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of objects.")] = False,
    as_json_lines: Annotated[bool, typer.Option("--json-lines", help="Print an object a line.")] = False,
) -> None:
    """Print the most probable class of each image.

    A file that cannot be read gets a row with the reason. The exit code is 3 if none could be read.
    """
    formats = [name for name, flag in (("csv", as_csv), ("json", as_json), ("json-lines", as_json_lines)) if flag]
    if len(formats) > 1:
        raise RecipeError(f"expected one format, received --{' --'.join(formats)}")
    trained = load(run).trained
    from cnnforge.images import given_images
    from cnnforge.running import predict_images

    form = make_format(formats[0] if formats else "table", trained.class_names, top)
    counts = _print(
        predict_images(given_images(paths, cast("BufferedReader", sys.stdin.buffer)), trained),
        trained.class_names,
        form,
    )
    num_failed, num_read = counts.pop("", 0), counts.total()
    if not num_read:
        raise DataError(f"expected images that can be read, received none and {num_failed} files that can not")
    predicted = ", ".join(f"{one_line(name)} {number:,}" for name, number in counts.most_common(5))
    failed = f"; {num_failed:,} could not be read" if num_failed else ""
    typer.echo(f"{num_read:,} images: {predicted}{failed}", err=True)


def _print(predictions: Iterator[Prediction], class_names: Sequence[str], form: Format) -> Counter[str]:
    """Print each prediction as it comes; return how often each class was predicted, and "" where none was."""
    counts: Counter[str] = Counter()
    # To a program go the exact names; what is no CSV has nothing to write out.
    write = (sys.stdout if sys.stdout.isatty() else raw_stream(sys.stdout)).write
    write(form.before)
    for prediction in _watched(predictions):
        ranked = rank(prediction.probabilities, class_names)
        write((form.between if counts else "") + form.row(prediction, ranked))
        sys.stdout.flush()
        counts[ranked[0][0] if ranked else ""] += 1
    write(form.after if counts else form.after.lstrip("\n"))
    return counts


def _watched(predictions: Iterator[Prediction]) -> Iterator[Prediction]:
    """Pass predictions on and show how many there were, unless their rows show it: on a terminal they run past."""
    with terminal_reporter(sys.stderr) as terminal:
        reporter = Reporter() if sys.stdout.isatty() else terminal
        for number, prediction in enumerate(predictions, start=1):
            reporter.progress("Predicting", number, None)
            yield prediction
