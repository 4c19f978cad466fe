"""How text leaves the program: nothing in it that a terminal would obey; and how long work is shown.

Standard output and error are :class:`PlainStream` while a command runs, so no command can forget it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO, cast

from cnnforge.system import Reporter, one_line, plain

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_LOG_SECONDS = 15.0  # between two progress lines where there is no terminal
_NOTEBOOK_SECONDS = 0.5  # between two changes of what a notebook shows
_NOTEBOOK_LINES = 30


class PlainStream:
    """A text stream in which what a terminal would obey is written out; everything else is the stream's own.

    Args:
        stream: Where the text goes, as ``raw`` for what may move the cursor: Rich.
    """

    def __init__(self, stream: TextIO) -> None:
        self.raw = stream

    def write(self, text: str) -> int:
        """Write a text."""
        self.raw.write(plain(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write texts one after the other."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)


def raw_stream(stream: TextIO) -> TextIO:
    """Return what a stream writes to, for a library that moves the cursor and is given safe text only."""
    return cast("TextIO", getattr(stream, "raw", stream))


def terminal_reporter(stream: TextIO) -> TerminalReporter | LogReporter:
    """Return the reporter that suits where the output goes."""
    return TerminalReporter(stream) if stream.isatty() else LogReporter(stream)


def default_reporter() -> TerminalReporter | LogReporter:
    """Return the reporter of a script or of a notebook."""
    ipython = sys.modules.get("IPython")
    if ipython is not None and getattr(ipython.get_ipython(), "kernel", None) is not None:
        return NotebookReporter(sys.stdout)
    return terminal_reporter(sys.stdout)


class LogReporter(Reporter):
    """Plain lines, no control codes; long work says where it stands every quarter of a minute."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._label = ""
        self._start = self._last = 0.0

    def __enter__(self) -> LogReporter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.flush()

    def say(self, text: str) -> None:
        print(one_line(text), file=self._stream, flush=True)

    def warn(self, text: str) -> None:
        self.say(f"! {text}")

    def progress(self, label: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        if label != self._label:
            self._label, self._start, self._last = label, now, now
        if now - self._last >= _LOG_SECONDS and 0 < done != total:
            self._last = now
            rate = done / (now - self._start)
            whole, left = (f" of {total:,}", f"  {(total - done) / rate:.0f} s left") if total else ("", "")
            self.say(f"{label}  {done:,}{whole}  {rate:,.0f} images/s{left}")

    def finish(self, text: str) -> None:
        self._label = ""
        self.say(text)


class TerminalReporter(Reporter):
    """A progress bar with images/s and time left."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        from rich.console import Console

        self._console = Console(file=raw_stream(stream), highlight=False)
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._label = ""

    def __enter__(self) -> TerminalReporter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def say(self, text: str) -> None:
        self._console.print(one_line(text), markup=False)

    def warn(self, text: str) -> None:
        self._console.print(f"! {one_line(text)}", style="bold yellow", markup=False)

    def progress(self, label: str, done: int, total: int | None) -> None:
        if self._bar is None or self._task is None or label != self._label:
            self._stop()
            self._bar, self._task = self._start(label, total)
            self._label = label
        self._bar.update(self._task, completed=done)
        speed = self._bar.tasks[0].speed
        self._bar.update(self._task, rate=f"{speed:,.0f} images/s" if speed else "")

    def finish(self, text: str) -> None:
        self._stop()
        self.say(text)

    def _start(self, label: str, total: int | None) -> tuple[Progress, TaskID]:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(compact=True),
        )
        bar = Progress(*columns, console=self._console, transient=True)
        bar.start()
        return bar, bar.add_task(one_line(label), total=total, rate="")

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
        self._bar = self._task = None
        self._label = ""


class NotebookReporter(LogReporter):
    """One output that changes in place: what was said, and below it where the work in progress stands."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._lines: list[str] = []
        self._handle: Any = None
        self._shown = 0.0

    def say(self, text: str) -> None:
        self._lines.append(text)
        self._show()

    def progress(self, label: str, done: int, total: int | None) -> None:
        if time.monotonic() - self._shown >= _NOTEBOOK_SECONDS:
            whole = f" of {total:,}" if total else ""
            self._show(f"{label}  {done:,}{whole}")

    def _show(self, *progress: str) -> None:
        from IPython.display import display

        self._shown = time.monotonic()
        lines = self._lines[-_NOTEBOOK_LINES:]
        hidden = [f"… {len(self._lines) - len(lines)} lines"] if len(lines) < len(self._lines) else []
        shown = {"text/plain": "\n".join([*hidden, *lines, *progress])}
        if self._handle is None:
            self._handle = display(shown, raw=True, display_id=True)
        else:
            self._handle.update(shown, raw=True)
