"""How a study shows itself: a live table on a terminal, a line for each trial in a pipe, and the summary at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from cnnforge.cli import render, wrap
from cnnforge.interface import LogReporter, TerminalReporter
from cnnforge.report import numbers as formats
from cnnforge.system import one_line
from cnnforge_tuning.pruning import history
from cnnforge_tuning.space import describe

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live

    from cnnforge_tuning.study import Study, Trial
    from cnnforge_tuning.study_dir import StudyDir

_SHOWN_TRIALS = 5


def study_view(stream: TextIO) -> LogView | LiveView:
    """Return the view that suits where the output goes."""
    return LiveView(stream) if stream.isatty() else LogView(stream)


class LogView(LogReporter):
    """Plain lines, no control codes."""

    def __enter__(self) -> LogView:
        return self

    def trial_ended(self, study: Study, trial: Trial) -> None:
        """Show what came of a trial, in a line."""
        self.say(trial_line(study, trial))

    def update(self, study: Study, running: Sequence[Trial], num_trials: int | None, seconds_left: float) -> None:
        """Show nothing between two trials."""

    def show_result(self, directory: StudyDir) -> None:
        """Show what was found."""
        for line in summary(directory).split("\n"):
            self.say(line)


class LiveView(TerminalReporter):
    """A table of the running trials that is redrawn in place, below a line for each that ended."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._live: Live | None = None

    def __enter__(self) -> LiveView:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        super().__exit__(kind, error, trace)

    def trial_ended(self, study: Study, trial: Trial) -> None:
        """Show what came of a trial, above the table."""
        self.say(trial_line(study, trial))

    def update(self, study: Study, running: Sequence[Trial], num_trials: int | None, seconds_left: float) -> None:
        """Draw the table anew."""
        from rich.live import Live

        screen = _screen(study, running, num_trials, seconds_left)
        if self._live is None:
            self._live = Live(screen, console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        self._live.update(screen, refresh=True)

    def show_result(self, directory: StudyDir) -> None:
        """Show what was found, in place of the table."""
        self._end()
        for line in summary(directory).split("\n"):
            self.say(line)

    def _end(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


def trial_line(study: Study, trial: Trial) -> str:
    """Return what came of a trial, in a line."""
    epochs = f"{len(trial.history)} epoch{'' if len(trial.history) == 1 else 's'}"
    if trial.status == "failed":
        came_of_it = trial.reason.partition("\n")[0]
    else:
        best = " *" if study.ranking()[0] is trial else ""
        came_of_it = f"{study.objective.name} {study.score(trial):.4f}{best}"
    head = f"Trial {trial.id}  {trial.status:<8}  {came_of_it}"
    return f"{head}  {epochs}  {formats.duration(trial.seconds)}  {describe(trial.settings)}"


def counts_line(study: Study, num_running: int, num_trials: int | None, seconds_left: float) -> str:
    """Return where the search stands, in a line."""
    counts = Counter(trial.status for trial in study.trials.values())
    over = counts["finished"] + counts["pruned"] + counts["failed"]
    total = f" of {num_trials}" if num_trials is not None else ""
    best = study.ranking()
    found = f" · best {study.score(best[0]):.4f} (trial {best[0].id})" if best else ""
    left = f" · about {formats.duration(seconds_left)} left" if seconds_left else ""
    return (
        f"{over}{total} over · {num_running} running · {counts['pruned']} pruned · {counts['failed']} failed"
        f"{found}{left}"
    )


def summary(directory: StudyDir) -> str:
    """Return what a study found: the best trials, the trainings on fresh seeds, and what can be said of them."""
    study = directory.read()
    scored = [trial for trial in study["trials"] if trial["score"] is not None]
    scored.sort(key=lambda trial: trial["score"], reverse=study["direction"] == "max")
    rows = [
        (t["trial"], t["status"], f"{t['score']:.4f}", str(t["epochs"]), describe(t["values"]))
        for t in scored[:_SHOWN_TRIALS]
    ]
    failed = Counter(trial["kind"] for trial in study["trials"] if trial["status"] == "failed")
    parts = [render(("trial", "status", study["objective"], "epochs", "settings"), rows)]
    if failed:
        parts.append(f"Failed   {', '.join(f'{number} {kind}' for kind, number in failed.items())} (see trials.csv)")
    if study["confirmed"]:
        parts.append(_confirmed(study))
    parts.append(wrap(study["verdict"]))
    parts.append(f"{one_line(f'Recipe   {directory.best}')}\n{one_line(f'Page     {directory.page}')}")
    return "\n".join(parts)


def _confirmed(study: dict[str, Any]) -> str:
    rows = [
        (
            item["name"] if item["name"] == "default" else f"trial {item['name']}",
            str(len(item["seeds"])),
            "-" if item["mean_objective"] is None else f"{item['mean_objective']:.4f}",
            "-" if item["mean_accuracy"] is None else f"{item['mean_accuracy']:.4f}",
            _interval(item["accuracy_interval"]),
        )
        for item in study["confirmed"]
    ]
    headers = ("on fresh seeds", "seeds", study["objective"], f"{study['evaluated_split']} accuracy", "95 % interval")
    return "\n" + render(headers, rows) + "\n"


def _interval(limits: Sequence[float] | None) -> str:
    return "{:.4f} to {:.4f}".format(*limits) if limits and limits[0] < limits[1] else "-"


def _screen(study: Study, running: Sequence[Trial], num_trials: int | None, seconds_left: float) -> Group:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for column in ("running", "epochs", study.objective.name, "settings"):
        table.add_column(column)
    for trial in running:
        values = history(study.directory.trial(trial.id), study.objective)
        best = study.objective.best(values) if values else None
        epochs = f"{len(values)} of {trial.last_epoch or study.base.training.epochs}"
        settings = Text(one_line(describe(trial.settings)))
        table.add_row(trial.id, epochs, "" if best is None else f"{best:.4f}", settings)
    return Group(Text(counts_line(study, len(running), num_trials, seconds_left), style="bold"), table)
