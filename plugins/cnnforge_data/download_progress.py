"""The progress of a download: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

import typer

from cnnforge.interface import raw_stream
from cnnforge.system import DownloadProgress, one_line

_MEGABYTE = 1_000_000
_LINE_EVERY_BYTES = 50 * _MEGABYTE


@contextlib.contextmanager
def download_progress(label: str) -> Iterator[DownloadProgress]:
    """Yield a function to report progress to, which shows it on standard error."""
    if sys.stderr.isatty():
        with _bar(label) as progress:
            yield progress
    else:
        yield _Lines(label)


class _Lines:
    """A line for every tenth of the whole, or every 50 MB where the whole is unknown."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._next_bytes = 0.0

    def __call__(self, done_bytes: int, total_bytes: int | None) -> None:
        if done_bytes < self._next_bytes:
            return
        self._next_bytes = min(
            done_bytes + (total_bytes / 10 if total_bytes else _LINE_EVERY_BYTES), total_bytes or 1e18
        )
        whole = f" of {total_bytes / _MEGABYTE:.0f}" if total_bytes else ""
        typer.echo(f"{self._label}: {done_bytes / _MEGABYTE:.0f}{whole} MB", err=True)


@contextlib.contextmanager
def _bar(label: str) -> Iterator[DownloadProgress]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(file=raw_stream(sys.stderr))) as bar:
        task = bar.add_task(one_line(label), total=None)
        yield lambda done_bytes, total_bytes: bar.update(task, completed=done_bytes, total=total_bytes)
