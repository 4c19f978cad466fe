"""The model card of a run (Mitchell et al. 2019, arXiv:1810.03993) as Markdown: facts from its files, nothing else."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from typing import Any

from cnnforge.recipe import AugmentationSection
from cnnforge.report import RunFiles, class_figures, numbers, summary_rows
from cnnforge_report.probabilities import calibration
from cnnforge_report.record import provenance

_MAX_CLASSES = 20


def model_card(files: RunFiles) -> str:
    """Return the model card of a run; empty for one that was not evaluated."""
    if not files.evaluation:
        return ""
    recipe = tomllib.loads(files.recipe_text) if files.recipe_text else {}
    parts = [
        f"# Model card: {_plain(files.run.get('recipe', 'run'))}",
        _notice(files),
        *_section("The model", _model(files, recipe)),
        *_section("Intended use", _use(files)),
        *_section("Training data", _data(files)),
        *_section("Training", _training(files, recipe)),
        *_section("Measures", _measures(files)),
        *_section("Limits", _limits(files)),
        *_section("Made by", [f"- {label}: {_plain(text)}" for label, text in provenance(files)]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _section(title: str, lines: Iterable[str]) -> list[str]:
    body = "\n".join(lines)
    return [f"## {title}", body] if body else []


def _notice(files: RunFiles) -> str:
    notice = files.run.get("data", {}).get("notice")
    return f"> **{_plain(notice)}**" if notice else ""


def _model(files: RunFiles, recipe: dict[str, Any]) -> list[str]:
    architecture = files.run.get("plugins", {}).get("architecture", {})
    size = recipe.get("data", {}).get("image_size")
    parameters = files.run.get("model", {}).get("num_parameters")
    return [
        *([f"- Architecture: {_plain(architecture['name'])}, of {architecture.get('plugin')}"] if architecture else []),
        *([f"- Parameters: {numbers.count(parameters)}"] if parameters else []),
        *([f"- Input: photographs as they are (0 to 255), resized to {size[0]} × {size[1]} pixels"] if size else []),
        f"- Output: a probability for each of {len(files.evaluation['class_names'])} classes: {_names(files)}",
        "- File: `model.keras`",
    ]


def _use(files: RunFiles) -> list[str]:
    told = f"Telling {files.noun} of these classes apart: {_names(files)}."
    return [f"{told} It answers with one of them whatever it is shown, also for what is none of them."]


def _data(files: RunFiles) -> list[str]:
    data = files.run.get("data", {})
    counts = [f"{split} {numbers.count(sum(classes.values()))}" for split, classes in data.get("splits", {}).items()]
    return [
        *([f"- From: {_plain(data['location'])}"] if data.get("location") else []),
        f"- {files.noun.capitalize()}: {numbers.count(data.get('num_images'))} ({', '.join(counts)})",
        f"- Left out: {numbers.count(data.get('num_left_out'))}",
        f"- Identical to another: {numbers.count(data.get('num_duplicates'))}, always in the same split",
        f"- Nearly identical to another: {numbers.count(data.get('num_near_duplicates'))}",
    ]


def _training(files: RunFiles, recipe: dict[str, Any]) -> list[str]:
    shown = [
        "epochs",
        "batch_size",
        "optimizer",
        "learning_rate",
        "schedule",
        "loss",
        "augmentation",
        "class_balance",
        "fine_tuning",
    ]
    training = recipe.get("training", {})
    training = {**training, "augmentation": _augmentation(training.get("augmentation", {}))}
    if tuned := training.get("fine_tuning"):
        training["fine_tuning"] = {name: tuned[name] for name in ("epochs", "learning_rate", "layers") if name in tuned}
    settings = [f"- {key.replace('_', ' ')}: {_value(training[key])}" for key in shown if key in training]
    return [*settings, f"- Best epoch, whose weights were kept: {files.run.get('best_epoch', numbers.NOTHING)}"]


def _augmentation(settings: dict[str, Any]) -> Any:
    """Return the knobs of augmentation that do something."""
    off = AugmentationSection().model_dump(mode="json")
    return {key: value for key, value in settings.items() if value != off.get(key)} or "none"


def _measures(files: RunFiles) -> list[str]:
    evaluation = files.evaluation
    rows = [(_plain(title), text) for title, text in summary_rows(evaluation, files.measures)]
    order = sorted(range(len(evaluation["per_class"])), key=lambda i: float(evaluation["per_class"][i]["f1"]))
    of_classes = class_figures(evaluation)
    shown = [of_classes[i] for i in order[:_MAX_CLASSES]]
    classes = [
        (_plain(c.name), numbers.count(c.num_images), c.recall, c.intervals[1], c.precision, c.f1) for c in shown
    ]
    cut = f", the {len(shown)} of lowest F1" if len(shown) < len(of_classes) else ""
    return [
        f"On the {numbers.count(evaluation['num_images'])} {evaluation['split']} {files.noun}:",
        "",
        *_table(("measure", "value"), rows),
        "",
        f"Class by class{cut}:",
        "",
        *_table(("class", files.noun, "recall", "95 % interval", "precision", "F1"), classes),
    ]


def _limits(files: RunFiles) -> list[str]:
    evaluation, data = files.evaluation, files.run.get("data", {})
    worst = min(enumerate(evaluation["per_class"]), key=lambda row: float(row[1]["recall"]))[0]
    lowest = class_figures(evaluation)[worst]
    reliability = calibration(files)
    errors = files.examples.get("label_errors", {})
    return [
        f"- Measured on {files.noun} from the same source as those of the training; others may differ.",
        f"- Lowest recall: “{_plain(lowest.name)}”, {lowest.recall} found.",
        *([f"- {reliability.sentences[0]}"] if reliability else []),
        *([f"- Labels that may be wrong: {errors['num_suspects']:,} of {errors['num_images']:,}."] if errors else []),
        *(f"- {_plain(warning)}" for warning in data.get("warnings", ())),
    ]


def _names(files: RunFiles) -> str:
    names = [_plain(name) for name in files.evaluation["class_names"]]
    more = f" and {len(names) - _MAX_CLASSES} more" if len(names) > _MAX_CLASSES else ""
    return ", ".join(names[:_MAX_CLASSES]) + more


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [_row(header), _row(["---"] * len(header)), *(_row(row) for row in rows)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _value(value: Any) -> str:
    if not isinstance(value, dict):
        return _plain(value)
    return ", ".join(f"{key} {_value(content)}" for key, content in value.items())


def _plain(text: object) -> str:
    """Return a text on one line in which nothing is Markdown or HTML."""
    line = " ".join(str(text).split())
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#" else c for c in line)
