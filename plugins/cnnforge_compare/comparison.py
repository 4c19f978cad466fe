"""What distinguishes runs, worked out from their files: recipes, measures, and the photographs they disagree on."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cnnforge.evaluation import read_predictions
from cnnforge.host import Registry
from cnnforge.report import (
    ClassFigures,
    RunFiles,
    class_figures,
    leading_figures,
    measured_figures,
    numbers,
    read_run_files,
)
from cnnforge.running import RunDir
from cnnforge.system import read_lines
from cnnforge_compare.mcnemar import mcnemar

MAX_RUNS = 8
MAX_CLASSES = 40
"""Of more, those are compared of which the runs find the most different shares."""
_LETTERS = "ABCDEFGH"
_NOT_COMPARED = ("name", "format")  # of a recipe

Photograph = tuple[str, str]
"""What makes a photograph the same in two runs: its name and the hash of its content."""


@dataclass(frozen=True, slots=True)
class LabelledPrediction:
    """What a run says of a photograph whose label is known."""

    label: str
    predicted: str
    probability: float
    label_probability: float

    @property
    def is_right(self) -> bool:
        """Whether the predicted class is the label."""
        return self.label == self.predicted


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """A run under a letter, and its answers; none if it was not evaluated."""

    letter: str
    files: RunFiles
    answers: Mapping[Photograph, LabelledPrediction]

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.files.directory.absolute().name


@dataclass(frozen=True, slots=True)
class Pair:
    """Two runs on the photographs that both were evaluated on, counted by who is right; ``p_value`` of McNemar's."""

    first: str
    second: str
    both: int
    only_first: int
    only_second: int
    neither: int
    p_value: float

    @property
    def num_photographs(self) -> int:
        """How many they have in common."""
        return self.both + self.only_first + self.only_second + self.neither


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A photograph on which the runs differ, with the answer of each."""

    photograph: Photograph
    label: str
    answers: Sequence[LabelledPrediction]


def read_runs(directories: Sequence[RunDir], registry: Registry) -> list[ComparedRun]:
    """Return the runs with their letters; ``registry`` has the measures."""
    return [
        ComparedRun(letter, read_run_files(directory.path, registry), _answers(directory))
        for letter, directory in zip(_LETTERS, directories, strict=False)
    ]


def recipe_differences(runs: Sequence[ComparedRun]) -> list[tuple[str, list[str]]]:
    """Return the settings that are not the same in all recipes, each with its values."""
    flat = [dict(_flat(tomllib.loads(run.files.recipe_text), "")) for run in runs]
    keys = dict.fromkeys(key for settings in flat for key in settings if key not in _NOT_COMPARED)
    rows = [(key, [str(settings.get(key, numbers.NOTHING)) for settings in flat]) for key in keys]
    return [(key, values) for key, values in rows if len(set(values)) > 1]


def measures(runs: Sequence[ComparedRun]) -> list[tuple[str, list[str]]]:
    """Return the rows of the table of measures, each with a text for each run."""
    measured = [
        {figure.title: figure.text for figure in measured_figures(run.files.evaluation, run.files.measures)}
        for run in runs
    ]
    evaluated, trained = [_evaluated(run.files) for run in runs], [_trained(run.files) for run in runs]
    texts = [{**m, **e, **t} for m, e, t in zip(measured, evaluated, trained, strict=True)]
    keys = dict.fromkeys(key for part in (evaluated, measured, trained) for of_run in part for key in of_run)
    return [(key, [of_run.get(key, numbers.NOTHING) for of_run in texts]) for key in keys]


def classes(runs: Sequence[ComparedRun]) -> list[tuple[str, list[str]]]:
    """Return for each class what each run finds of it, with the 95 % interval; of many those that differ most."""
    found = [
        {of.name: of for of in class_figures(run.files.evaluation)} if run.files.evaluation else {} for run in runs
    ]
    recalls = [{row["name"]: float(row["recall"]) for row in run.files.evaluation.get("per_class", ())} for run in runs]
    names = list(dict.fromkeys(name for of_run in found for name in of_run))
    if len(names) > MAX_CLASSES:
        names = sorted(names, key=lambda name: -_spread([of_run[name] for of_run in recalls if name in of_run]))
    return [(name, [_found(of_run.get(name)) for of_run in found]) for name in names[:MAX_CLASSES]]


def pairs(runs: Sequence[ComparedRun]) -> list[Pair]:
    """Return every two runs that were evaluated on common photographs."""
    compared = [_pair(first, second) for first, second in itertools.combinations(runs, 2)]
    return [pair for pair in compared if pair.num_photographs]


def disagreements(runs: Sequence[ComparedRun]) -> list[Disagreement]:
    """Return the photographs of all runs that do not get the same answer from all, the furthest apart first."""
    common = set.intersection(*(set(run.answers) for run in runs))
    disagreeing = []
    for photograph in sorted(common):
        answers = [run.answers[photograph] for run in runs]
        if len({answer.predicted for answer in answers}) > 1:
            disagreeing.append(Disagreement(photograph, answers[0].label, answers))
    return sorted(disagreeing, key=_distance, reverse=True)


def verdict(pair: Pair) -> str:
    """Return in a sentence what a pair tells."""
    better, ahead = (pair.first, pair.only_first) if pair.only_first >= pair.only_second else (
        pair.second, pair.only_second
    )  # fmt: skip
    behind = pair.only_first + pair.only_second - ahead
    if ahead == behind:
        return f"{pair.first} and {pair.second} are right equally often on {pair.num_photographs:,} photographs."
    told = (
        f"{better} is right on {ahead - behind:,} more of {pair.num_photographs:,} photographs ({ahead:,} that it alone"
        f" gets right against {behind:,}; p = {pair.p_value:.2g})"
    )
    if pair.p_value < 0.05:
        return f"{told}: too uneven for chance."
    return f"{told}: chance alone would often do as much, so neither is shown to be better."


def _answers(directory: RunDir) -> dict[Photograph, LabelledPrediction]:
    if not directory.evaluation.is_file() or not directory.predictions.is_file():
        return {}
    content = {line["name"]: line.get("sha256", "") for line in read_lines(directory.manifest)}
    predictions = read_predictions(directory.predictions, directory.read_evaluation()["split"])
    columns = zip(
        predictions.names,
        predictions.labels,
        predictions.predicted,
        predictions.confidence,
        predictions.probabilities,
        strict=True,
    )
    return {
        (name, content.get(name, "")): LabelledPrediction(
            predictions.class_names[label], predictions.class_names[predicted], float(confidence), float(row[label])
        )
        for name, label, predicted, confidence, row in columns
    }


def _found(figures: ClassFigures | None) -> str:
    """Return what a run finds of a class; where a percentage says so little that there is a count, that."""
    if figures is None:
        return numbers.NOTHING
    share = figures.recall if "of" in figures.recall else f"{figures.recall} of {figures.num_images:,}"
    return f"{share} ({figures.intervals[1]})" if figures.intervals[1] else share


def _spread(values: Sequence[float]) -> float:
    return max(values) - min(values)


def _flat(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _evaluated(files: RunFiles) -> dict[str, str]:
    evaluation = files.evaluation
    leading = leading_figures(evaluation) if evaluation else []
    return {
        "Status": files.run.get("status", ""),
        "Images": f"{numbers.count(evaluation.get('num_images'))} {evaluation.get('split', '')}".rstrip(),
        **{figure.title.capitalize(): figure.text for figure in leading},
        **{f"{f.title.capitalize()}, 95 % interval": numbers.interval(f.interval) or numbers.NOTHING for f in leading},
        "Accuracy of the baseline": numbers.percent(evaluation.get("baseline_accuracy")),
    }


def _trained(files: RunFiles) -> dict[str, str]:
    run = files.run
    return {
        "Parameters": numbers.count(run.get("model", {}).get("num_parameters")),
        "Best epoch": f"{run.get('best_epoch', numbers.NOTHING)} of {len(files.epochs)}",
        "Training time": numbers.duration(run.get("seconds", {}).get("training")),
        "Images per second": numbers.count(run.get("images_per_second"))
        + (f" ({run['speed_phase']})" if "speed_phase" in run else ""),
    }


def _pair(first: ComparedRun, second: ComparedRun) -> Pair:
    counts = {(True, True): 0, (True, False): 0, (False, True): 0, (False, False): 0}
    for photograph in first.answers.keys() & second.answers.keys():
        counts[first.answers[photograph].is_right, second.answers[photograph].is_right] += 1
    both, only_first, only_second, neither = counts.values()
    p_value = mcnemar(only_first, only_second)
    return Pair(first.letter, second.letter, both, only_first, only_second, neither, p_value)


def _distance(disagreement: Disagreement) -> float:
    """Return how far apart the runs' probabilities of the label are."""
    probabilities = [answer.label_probability for answer in disagreement.answers]
    return max(probabilities) - min(probabilities)
