"""How the network learned: a chart for each metric over the epochs, and what the losses say."""

from __future__ import annotations

import tomllib
from typing import Any

from markupsafe import Markup

from cnnforge.host import MeasureSpec
from cnnforge.report import RunFiles, charts, numbers
from cnnforge_report.fragments import fragment

_FEW = 30  # validation images: the loss of fewer says nothing
_SURE = 2.0  # standard errors: of 95 % of all changes by chance less
_LEVEL = 0.1  # of the loss: where chance makes more than that, nobody sees whether it is level
_OVERFITTED = 0.2  # of its lowest: a rise of the validation loss by less is no overfitting to speak of
_BY_HEART = 1.2  # times the training loss: a validation loss this far above it shows learning by heart
_LEAST_FALL = 0.001  # a loss that falls by less in an epoch has levelled off
_ENDED_RATE = 0.1  # a learning rate below this share of its highest hardly changes a network any more
_NOT_CHARTED = frozenset({"epoch", "seconds", "training_seconds", "waiting_seconds", "images_per_second"})


def curves(files: RunFiles) -> str:
    """Return the curves; empty before the first epoch."""
    drawn = _charts(files)
    return fragment("curves", files, charts=drawn, reading=_reading(files)) if drawn else ""


def _charts(files: RunFiles) -> list[tuple[str, Markup]]:
    """Return a chart for each metric, loss and accuracy first, with its title."""
    keys = dict.fromkeys(key.removeprefix("val_") for line in files.epochs for key in line)
    names = sorted(
        (key for key in keys if key not in _NOT_CHARTED),
        key=lambda key: (key != "loss", key != "accuracy", key == "learning_rate"),
    )
    specs = {name: files.measures.get(name) for name in names}
    charted = [(name, _curve(files, name, f"curve-{i}", specs[name])) for i, name in enumerate(names)]
    return [(_title(name, specs[name]), chart) for name, chart in charted if chart]


def _curve(files: RunFiles, name: str, key: str, spec: MeasureSpec | None) -> Markup | None:
    lines = [
        charts.Series(label, label, [line[metric] if has(line, metric) else None for line in files.epochs])
        for label, metric in (("training", name), ("validation", f"val_{name}"))
        if any(has(line, metric) for line in files.epochs)
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


def _reading(files: RunFiles) -> str:
    """Return what the loss curves say: overfitting, more to learn, or neither; empty if there is too little.

    The validation loss is a mean over images, so a small change of it may be chance. Its standard error is taken as
    the loss over the root of their number: the losses of single images spread about as widely as they are high.
    """
    lines = [line for line in files.epochs if has(line, "loss") and has(line, "val_loss")]
    num_images = sum(files.run.get("data", {}).get("splits", {}).get("validation", {}).values())
    if len(lines) < 2 or not num_images:
        return ""
    unknown = f"on {num_images:,} validation {files.noun}: whether longer training helps cannot be told from it."
    if num_images < _FEW:
        return f"Validation loss says little {unknown} More {files.noun} would, or a larger data.validation_fraction."
    best, last = min(lines, key=lambda line: float(line["val_loss"])), lines[-1]
    lowest, final, chance = best["val_loss"], last["val_loss"], _SURE / num_images**0.5
    if best is last and _before(files, lines)["val_loss"] - lowest > max(_LEAST_FALL, chance * lowest):
        return "Validation loss was still falling in the last epochs: longer training may help."
    told = f"Validation loss was lowest in epoch {best['epoch']} ({numbers.number(lowest, 3)})"
    if final - lowest > max(_OVERFITTED * lowest, chance * final) and last["loss"] < best["loss"]:
        return (
            f"{told} and had risen to {numbers.number(final, 3)} by epoch {last['epoch']}, while training loss fell "
            f"from {numbers.number(best['loss'], 3)} to {numbers.number(last['loss'], 3)}: overfitting. From about "
            f"epoch {best['epoch']} on the network learned its training {files.noun} more and more by heart."
        )
    if chance > _LEVEL:
        return f"{told} and then changed by no more than chance does {unknown}"
    return f"{told} and had levelled off by epoch {last['epoch']}{_level(files, lines)}"


def _before(files: RunFiles, lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the epoch that the last is compared with: a quarter of all before it, but of the same phase."""
    training = tomllib.loads(files.recipe_text).get("training", {})
    first = training.get("epochs", 0) if training.get("fine_tuning") else 0
    last = lines[-1]["epoch"]
    of_phase = [line for line in lines if (line["epoch"] > first) == (last > first)]
    return of_phase[max(0, len(of_phase) - 1 - max(1, len(lines) // 4))]


def _level(files: RunFiles, lines: list[dict[str, Any]]) -> str:
    """Return what a validation loss that does not change any more says."""
    last = lines[-1]
    rates = [line["learning_rate"] for line in lines if has(line, "learning_rate")]
    if not rates or rates[-1] >= _ENDED_RATE * max(rates):
        return ": training longer would change little."
    if last["val_loss"] > last["loss"] * _BY_HEART:
        return (
            f", as the learning rate came to its end, but training loss reached {numbers.number(last['loss'], 3)}: more"
            f" varied {files.noun}, by training.augmentation, may help more than a longer schedule."
        )
    return ", as the learning rate came to its end: a longer schedule may learn more."


def has(line: dict[str, Any], key: str) -> bool:
    """Return whether the line of an epoch has a finite number of that name."""
    return numbers.is_number(line.get(key))
