"""What distinguishes runs, worked out from their files: recipes, measures, and the photographs they disagree on."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cnnforge.evaluation import read_predictions
from cnnforge.host import Registry
from cnnforge.report import RunFiles, measured_figures, numbers, read_run_files
from cnnforge.running import RunDir
from cnnforge.system import read_lines
from cnnforge_compare.mcnemar import mcnemar

MAX_RUNS = 8
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
    before, after = [_evaluated(run.files) for run in runs], [_trained(run.files) for run in runs]
    measured = [
        {figure.title: figure.text for figure in measured_figures(run.files.evaluation, run.files.measures)}
        for run in runs
    ]
    return [
        (key, [texts.get(key, numbers.NOTHING) for texts in rows])
        for rows in (before, measured, after)
        for key in dict.fromkeys(key for texts in rows for key in texts)
    ]


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


def _flat(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _evaluated(files: RunFiles) -> dict[str, str]:
    evaluation = files.evaluation
    low, high = evaluation.get("accuracy_interval", (None, None))
    return {
        "Status": files.run.get("status", ""),
        "Images": f"{numbers.count(evaluation.get('num_images'))} {evaluation.get('split', '')}".rstrip(),
        "Accuracy, 95 % interval": f"{numbers.percent(low)} to {numbers.percent(high)}"
        if evaluation
        else numbers.NOTHING,
        "Accuracy of the baseline": numbers.percent(evaluation.get("baseline_accuracy")),
    }


def _trained(files: RunFiles) -> dict[str, str]:
    run = files.run
    return {
        "Parameters": numbers.count(run.get("model", {}).get("num_parameters")),
        "Best epoch": f"{run.get('best_epoch', numbers.NOTHING)} of {len(files.epochs)}",
        "Training time": numbers.duration(run.get("seconds", {}).get("training")),
        "Images per second": numbers.count(run.get("images_per_second")),
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
