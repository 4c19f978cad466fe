"""How the network learned: a chart for each metric over the epochs, and what the losses say."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from cnnforge.host import MeasureSpec
from cnnforge.report import RunFiles, charts, numbers
from cnnforge_report.fragments import fragment

_OVERFITTED = 1.2  # times its lowest: less of a rise of the validation loss may be chance
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
    """Return what the loss curves say: overfitting, more to learn, or neither; empty if there is too little."""
    lines = [line for line in files.epochs if has(line, "loss") and has(line, "val_loss")]
    if len(lines) < 2:
        return ""
    best, last = min(lines, key=lambda line: float(line["val_loss"])), lines[-1]
    lowest, final = best["val_loss"], last["val_loss"]
    if best is last and lines[-2]["val_loss"] - lowest > _LEAST_FALL:
        return "Validation loss was still falling in the last epoch: longer training may help."
    told = f"Validation loss was lowest in epoch {best['epoch']} ({numbers.number(lowest, 3)})"
    if final > lowest * _OVERFITTED and last["loss"] < best["loss"]:
        return (
            f"{told} and had risen to {numbers.number(final, 3)} by epoch {last['epoch']}, while training loss fell "
            f"from {numbers.number(best['loss'], 3)} to {numbers.number(last['loss'], 3)}: overfitting. From about "
            f"epoch {best['epoch']} on the network learned its training {files.noun} more and more by heart."
        )
    level = f"{told} and had levelled off by epoch {last['epoch']}"
    rates = [line["learning_rate"] for line in lines if has(line, "learning_rate")]
    if not rates or rates[-1] >= _ENDED_RATE * max(rates):
        return f"{level}: training longer would change little."
    level = f"{level}, as the learning rate came to its end"
    if final > last["loss"] * _BY_HEART:
        return (
            f"{level}, but training loss reached {numbers.number(last['loss'], 3)}: more varied {files.noun}, by"
            " training.augmentation, may help more than a longer schedule."
        )
    return f"{level}: a longer schedule may learn more."


def has(line: dict[str, Any], key: str) -> bool:
    """Return whether the line of an epoch has a finite number of that name."""
    return numbers.is_number(line.get(key))
