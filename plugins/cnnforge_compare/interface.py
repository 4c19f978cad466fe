"""Comparing and reproducing runs, for the command line and for Python alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import cnnforge
from cnnforge.errors import RecipeError
from cnnforge.interface import Display, default_reporter, prepare_run, registry
from cnnforge.report import write_report
from cnnforge.running import RunDir, default_run_name
from cnnforge.system import Reporter, files
from cnnforge_compare import comparison, reproduction
from cnnforge_compare.comparison_page import render, text

MEANING = {
    "equal": "every figure of every epoch, every prediction and every weight is the same.",
    "within tolerance": "the accuracy lies in the 95 % interval of the recorded one.",
    "different": "the accuracy lies outside the 95 % interval of the recorded one.",
}


class Comparison:
    """What distinguishes runs, which have the letters A, B and so on.

    Args:
        runs: The runs with their letters.
    """

    def __init__(self, runs: Sequence[comparison.ComparedRun]) -> None:
        self._runs = list(runs)

    @property
    def measures(self) -> dict[str, dict[str, str]]:
        """The figures of each run, by measure and letter, as text."""
        letters = [run.letter for run in self._runs]
        return {name: dict(zip(letters, texts, strict=True)) for name, texts in comparison.measures(self._runs)}

    @property
    def recipe_differences(self) -> dict[str, list[str]]:
        """The settings that are not the same in all recipes, each with its values."""
        return dict(comparison.recipe_differences(self._runs))

    @property
    def verdicts(self) -> list[str]:
        """What McNemar's test says of every two runs."""
        return [comparison.verdict(pair) for pair in comparison.pairs(self._runs)]

    @cached_property
    def page(self) -> str:
        """The comparison as a page of HTML, with the photographs on which the runs disagree."""
        return render(self._runs, registry())

    def save(self, path: str | Path) -> Path:
        """Write the page into a new file and return its path.

        Raises:
            RecipeError: The file exists already.
        """
        if Path(path).exists():
            raise RecipeError(f"expected a new file, received --page {path}, which exists already")
        files.write_text(Path(path), self.page)
        return Path(path)

    def to_dict(self) -> dict[str, Any]:
        """Return everything, as ``cnnforge compare --json`` prints it."""
        return {
            "runs": [
                {"letter": run.letter, "path": str(run.files.directory), "evaluation": run.files.evaluation}
                for run in self._runs
            ],
            "recipe_differences": self.recipe_differences,
            "pairs": [asdict(pair) for pair in comparison.pairs(self._runs)],
            "disagreements": [
                {"name": item.photograph[0], "label": item.label, "answers": [asdict(a) for a in item.answers]}
                for item in comparison.disagreements(self._runs)
            ],
        }

    def __repr__(self) -> str:
        return text(self._runs)

    def _repr_html_(self) -> str:
        return Display(self.page, "Comparison of runs").html


def compare(runs: Sequence[cnnforge.Run]) -> Comparison:
    """Return what distinguishes runs.

    Raises:
        RecipeError: There are not two to eight different ones.
    """
    directories = [RunDir(run.directory) for run in runs]
    if not 2 <= len({directory.path.resolve() for directory in directories}) == len(runs) <= comparison.MAX_RUNS:
        named = ", ".join(str(directory.path) for directory in directories)
        raise RecipeError(f"expected 2 to {comparison.MAX_RUNS} different runs, received {len(runs)}: {named}")
    return Comparison(comparison.read_runs(directories, registry()))


class Reproduced:
    """What came of training a run again.

    Args:
        run: The new run.
        content: What ``reproduction.json`` holds.
    """

    def __init__(self, run: cnnforge.Run, content: Mapping[str, Any]) -> None:
        self.run = run
        self.content = content

    @property
    def verdict(self) -> str:
        """``equal``, ``within tolerance`` or ``different``."""
        return str(self.content["verdict"])

    @property
    def figures(self) -> dict[str, tuple[float, float]]:
        """The figures of the recorded run and of the new one, by name."""
        return {name: (old, new) for name, (old, new) in self.content["figures"].items()}

    @property
    def causes(self) -> list[str]:
        """What was not the same for both."""
        return list(self.content["causes"])

    def __repr__(self) -> str:
        return "\n".join([f"{self.verdict}: {MEANING[self.verdict]}", *self.causes])


def reproduce(
    run: cnnforge.Run,
    *,
    data: str | Path | None = None,
    runs_dir: Path = Path("runs"),
    reporter: Reporter | None = None,
) -> Reproduced:
    """Train a run again from its record and compare the two.

    Args:
        run: The recorded run.
        data: Where its photographs are now; None: where they were.
        runs_dir: Parent of the new run directory.
        reporter: Told how it goes; None: it is shown here.

    Raises:
        RecipeError: The run is not finished.
    """
    recorded = RunDir(run.directory)
    reproduction.check_finished(recorded)
    name = default_run_name(recorded.read_run()["recipe"], "again")
    prepared = prepare_run(str(recorded.recipe), data=data, runs_dir=runs_dir, name=name)
    if reporter is not None:
        prepared.train(reporter)
    else:
        with default_reporter() as own:
            prepared.train(own)
    again = prepared.directory
    outcome = reproduction.compare(recorded, again)
    content = {"recorded": str(recorded.path.absolute()), "again": str(again.path.absolute()), **asdict(outcome)}
    files.write_json(again.reproduction, content)
    write_report(again.path, registry())
    return Reproduced(cnnforge.Run(again.path), content)
