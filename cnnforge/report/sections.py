"""What each section of the report says, worked out from the files of a run."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from cnnforge.host import MeasureSpec
from cnnforge.images import SPLITS
from cnnforge.report import charts, numbers as formats
from cnnforge.report.run_files import RunFiles

MAX_MATRIX_CLASSES = 40
"""With more classes a confusion matrix is no longer read, and its page grows by the square of them."""

_NUM_WORST_CLASSES = 20
_LEAST_FULL_SHADE = 0.2  # a mix-up of this share of a class is as dark as any
_OVERFITTED = 1.2  # times its lowest: less of a rise of the validation loss may be chance
_BY_HEART = 1.2  # times the training loss: a validation loss this far above it shows learning by heart
_LEAST_FALL = 0.001  # a loss that falls by less in an epoch has levelled off
_ENDED_RATE = 0.1  # a learning rate below this share of its highest hardly changes a network any more
_NOT_CHARTED = frozenset({"epoch", "seconds", "training_seconds", "waiting_seconds", "images_per_second"})
_PARTS = {
    "scan": "reading and checking the images",
    "preparation": "building the network and choosing its arithmetic",
    "features": "running the frozen backbone once",
    "training": "training",
    "evaluation": "evaluation",
    "explanation": "Grad-CAM pictures for this report",
    "other": "starting up and the rest",
}


@dataclass(frozen=True, slots=True)
class Headline:
    """The result in one figure and a few sentences."""

    label: str
    value: str
    interval: str
    sentences: list[str]
    chart: Markup


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the confusion matrix: how many images, their share of the row, how dark, and whether they are right."""

    count: int
    share: float
    shade: float
    is_right: bool


@dataclass(frozen=True, slots=True)
class Confusion:
    """The confusion matrix, if it is small enough to be read, and the most frequent mix-ups."""

    rows: list[tuple[str, list[Cell]]]
    worst: list[tuple[str, str, int, float]]
    num_pairs: int


@dataclass(frozen=True, slots=True)
class TimePart:
    """A part of the run's time."""

    name: str
    seconds: float
    share: float


def noun(files: RunFiles) -> str:
    """Return what the images are called: photographs, unless the data source has something to say about them."""
    return "images" if files.run.get("data", {}).get("notice") else "photographs"


def status(files: RunFiles) -> str:
    """Return a sentence on a run that did not finish; empty for one that did."""
    state = files.run.get("status", "")
    if state == "finished":
        return ""
    done, planned = len(files.epochs), files.planned_epochs
    epochs = f"{done} of {planned} epochs" if planned else f"{done} {'epoch' if done == 1 else 'epochs'}"
    reason = f" {error}" if (error := files.run.get("error")) else ""
    return f"This run is not complete: its status is “{state}”. It trained for {epochs}.{reason}"


def headline(files: RunFiles) -> Headline | None:
    """Return the accuracy on the evaluated split, or the validation accuracy where no evaluation was made."""
    if files.evaluation:
        return _evaluated(files)
    measured = [(line["val_accuracy"], line["epoch"]) for line in files.epochs if _has(line, "val_accuracy")]
    if not measured:
        return None
    kept = [pair for pair in measured if pair[1] == files.run.get("best_epoch")]
    accuracy, epoch = kept[0] if kept else measured[-1]
    sentence = (
        f"Measured on the validation {noun(files)} after epoch {epoch}; the test {noun(files)} were not evaluated."
    )
    return Headline("Validation accuracy", formats.percent(accuracy), "", [sentence], Markup())


def _evaluated(files: RunFiles) -> Headline:
    found = files.evaluation
    low, high = found["accuracy_interval"]
    baseline, total, things = found["baseline_accuracy"], found["num_images"], noun(files)
    num_right = sum(row[i] for i, row in enumerate(found["confusion_matrix"]))
    told = (
        f"Right on {num_right:,} of {total:,} {found['split']} {things}; always answering "
        f"“{found['baseline_class']}” would be right on {formats.percent(baseline)}."
    )
    return Headline(
        f"{found['split'].capitalize()} accuracy",
        formats.percent(found["accuracy"]),
        f"95 % interval {formats.percent(low)} to {formats.percent(high)}",
        [told, _verdict(low, high, baseline)],
        charts.interval_chart("interval", found["accuracy"], (low, high), baseline),
    )


def _verdict(low: float, high: float, baseline: float) -> str:
    if low > baseline:
        return "The whole interval lies above that baseline: the network has learned something."
    if high < baseline:
        return "The whole interval lies below that baseline: something is wrong with the training or with the labels."
    return "The interval includes that baseline: there is no evidence that the network has learned anything."


def facts(files: RunFiles) -> list[tuple[str, str]]:
    """Return the figures under the headline, each with its label; those that are unknown are left out."""
    run = files.run
    candidates = [
        ("best epoch", f"{run.get('best_epoch')} of {len(files.epochs)}", run.get("best_epoch")),
        ("parameters", formats.count(_number(run, "model", "num_parameters")), run.get("model")),
        ("training time", formats.duration(_number(run, "seconds", "training")), _number(run, "seconds", "training")),
        ("images per second", formats.count(_number(run, "images_per_second")), run.get("images_per_second")),
        ("precision", str(run.get("precision", {}).get("policy")), run.get("precision")),
        ("peak memory", formats.size(_number(run, "peak_memory_bytes")), run.get("peak_memory_bytes")),
    ]
    return [(label, text) for label, text, known in candidates if known]


def curves(files: RunFiles, specs: Mapping[str, MeasureSpec]) -> list[tuple[str, Markup]]:
    """Return a chart for each metric, loss and accuracy first, with its title; ``specs`` are the measures by name."""
    keys = dict.fromkeys(key.removeprefix("val_") for line in files.epochs for key in line)
    names = sorted(
        (key for key in keys if key not in _NOT_CHARTED),
        key=lambda key: (key != "loss", key != "accuracy", key == "learning_rate"),
    )
    charted = [(name, _curve(files, name, f"curve-{i}", specs.get(name))) for i, name in enumerate(names)]
    return [(_title(name, specs.get(name)), chart) for name, chart in charted if chart]


def _curve(files: RunFiles, name: str, key: str, spec: MeasureSpec | None) -> Markup | None:
    lines = [
        charts.Series(label, label, [line[metric] if _has(line, metric) else None for line in files.epochs])
        for label, metric in (("training", name), ("validation", f"val_{name}"))
        if any(_has(line, metric) for line in files.epochs)
    ]
    changes = {value for line in lines for value in line.values}
    if not lines or (name == "learning_rate" and len(changes) == 1):
        return None
    if name == "learning_rate":
        lines = [charts.Series("", "training", lines[0].values)]
    return charts.line_chart(
        key,
        f"{_title(name, spec)} over epochs",
        [line["epoch"] for line in files.epochs],
        lines,
        mark=files.run.get("best_epoch"),
        percent=spec.percent if spec else "accuracy" in name,
    )


def _title(metric: str, spec: MeasureSpec | None) -> str:
    if spec is not None and metric != "loss":  # which Keras measures as the recipe says, not as cross-entropy
        return spec.title
    return metric.upper() if len(metric) <= 3 else metric.replace("_", " ").capitalize()


def reading(files: RunFiles) -> str:
    """Return what the loss curves say: overfitting, more to learn, or neither; empty if there is too little."""
    lines = [line for line in files.epochs if _has(line, "loss") and _has(line, "val_loss")]
    if len(lines) < 2:
        return ""
    best, last = min(lines, key=lambda line: float(line["val_loss"])), lines[-1]
    lowest, final = best["val_loss"], last["val_loss"]
    if best is last and lines[-2]["val_loss"] - lowest > _LEAST_FALL:
        return "Validation loss was still falling in the last epoch: longer training may help."
    told = f"Validation loss was lowest in epoch {best['epoch']} ({formats.number(lowest, 3)})"
    if final > lowest * _OVERFITTED and last["loss"] < best["loss"]:
        return (
            f"{told} and had risen to {formats.number(final, 3)} by epoch {last['epoch']}, while training loss fell "
            f"from {formats.number(best['loss'], 3)} to {formats.number(last['loss'], 3)}: overfitting. From about "
            f"epoch {best['epoch']} on the network learned its training {noun(files)} more and more by heart."
        )
    level = f"{told} and had levelled off by epoch {last['epoch']}"
    rates = [line["learning_rate"] for line in lines if _has(line, "learning_rate")]
    if not rates or rates[-1] >= _ENDED_RATE * max(rates):
        return f"{level}: training longer would change little."
    level = f"{level}, as the learning rate came to its end"
    if final > last["loss"] * _BY_HEART:
        return (
            f"{level}, but training loss reached {formats.number(last['loss'], 3)}: more varied {noun(files)}, by"
            " training.augmentation, may help more than a longer schedule."
        )
    return f"{level}: a longer schedule may learn more."


def confusion(files: RunFiles) -> Confusion:
    """Return the confusion matrix and the ten most frequent mix-ups."""
    names, matrix = files.evaluation["class_names"], files.evaluation["confusion_matrix"]
    wrong = [
        (names[i], names[j], number, number / sum(row))
        for i, row in enumerate(matrix)
        for j, number in enumerate(row)
        if number and i != j
    ]
    wrong.sort(key=lambda pair: -pair[2])
    rows = list(zip(names, _cells(matrix), strict=True)) if len(names) <= MAX_MATRIX_CLASSES else []
    return Confusion(rows, wrong[:10], len(wrong))


def _cells(matrix: list[list[int]]) -> list[list[Cell]]:
    shares = [[n / (sum(row) or 1) for n in row] for row in matrix]
    # A mix-up is rare beside what is right: shaded alike, the pattern of the mix-ups would not be seen.
    full = max([_LEAST_FULL_SHADE, *(share for i, row in enumerate(shares) for j, share in enumerate(row) if i != j)])
    return [
        [
            Cell(n, share, share if i == j else share / full, i == j)
            for j, (n, share) in enumerate(zip(*pair, strict=True))
        ]
        for i, pair in enumerate(zip(matrix, shares, strict=True))
    ]


def per_class(files: RunFiles) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the classes to show at once and those to fold away: of many, the twenty of lowest F1 are shown."""
    rows = files.evaluation["per_class"]
    if len(rows) <= MAX_MATRIX_CLASSES:
        return rows, []
    ordered = sorted(rows, key=lambda row: float(row["f1"]))
    return ordered[:_NUM_WORST_CLASSES], ordered[_NUM_WORST_CLASSES:]


def class_counts(files: RunFiles) -> tuple[list[str], list[tuple[str, list[int]]]]:
    """Return the splits, and for each class (then for all of them) the number of images in each split and in all."""
    data = files.run.get("data", {})
    splits = data.get("splits", {})
    present = [split for split in SPLITS if split in splits]
    rows = [(name, [splits[split].get(name, 0) for split in present]) for name in data.get("class_names", ())]
    rows = [*rows, ("all classes", [sum(column) for column in zip(*(row for _, row in rows), strict=True)])]
    return present, [(name, [*row, sum(row)]) for name, row in rows]


def time_parts(files: RunFiles) -> list[TimePart]:
    """Return where the time of the run went."""
    seconds = {part: float(s) for part, s in files.run.get("seconds", {}).items() if formats.is_number(s)}
    total = seconds.pop("total", sum(seconds.values()))
    rest = total - sum(seconds.values())
    parts = {**seconds, **({"other": rest} if rest > 0 else {})}
    return [TimePart(_PARTS.get(part, part), s, s / total) for part, s in parts.items() if s > 0]


def speed_notes(files: RunFiles) -> list[str]:
    """Return sentences on what made the training as fast as it was."""
    waiting, precision = _number(files.run, "waiting_share"), files.run.get("precision")
    return [
        *([f"Training waited for data {formats.percent(waiting)} of its time."] if waiting is not None else []),
        *([f"Arithmetic: {precision['policy']} ({precision['reason']})."] if precision else []),
    ]


def provenance(files: RunFiles) -> list[tuple[str, str]]:
    """Return the rows of what must be known to repeat the run, each with its label."""
    run = files.run
    git = run.get("git") or {}
    changed = " with uncommitted changes" if git.get("is_dirty") else ""
    rows = [
        ("started", _time(run.get("started", ""))),
        ("finished", _time(run.get("finished", ""))),
        ("seed", str(run.get("seed", ""))),
        *((role.replace("_", " "), _plugin(plugin)) for role, plugin in run.get("plugins", {}).items()),
        ("packages", _versions({"Python": run.get("python"), **run.get("packages", {})}.items())),
        ("machine", ", ".join(filter(None, [run.get("platform"), _processors(run.get("processors"))]))),
        ("data", run.get("data", {}).get("fingerprint", "")),
        ("commit", f"{git['commit']}{changed}" if git.get("commit") else ""),
    ]
    return [(label, text) for label, text in rows if text]


def commands(files: RunFiles) -> list[tuple[str, str]]:
    """Return the command that made the run and the one that repeats it, each with what it is."""
    argv: Sequence[str] = files.run.get("argv", ())
    original = shlex.join([Path(argv[0]).name, *argv[1:]]) if argv else ""
    again = shlex.join(["cnnforge", "run", f"{files.directory.absolute().name}/recipe.toml"])
    rows = [("This run was made with", original), ("To repeat it, in the folder that holds this run", again)]
    return [(label, command) for label, command in rows if command]


def _plugin(plugin: dict[str, Any]) -> str:
    return f"{plugin.get('name')}, of {plugin.get('plugin')} {plugin.get('version') or ''}".rstrip()


def _versions(packages: Iterable[tuple[str, str | None]]) -> str:
    return ", ".join(f"{name} {version}" for name, version in packages if version)


def _processors(num: int | None) -> str:
    return f"{num} processors" if num else ""


def _time(text: str) -> str:
    return text.replace("T", " ").replace("+00:00", " UTC")


def _has(line: dict[str, Any], key: str) -> bool:
    return formats.is_number(line.get(key))


def _number(run: dict[str, Any], *keys: str) -> float | None:
    value: Any = run
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if formats.is_number(value) else None
