"""What a recipe alone shows: arguments that contradict the rest of ``[training]``; imports nothing heavy."""

from __future__ import annotations

import re

from cnnforge.errors import RecipeError
from cnnforge.evaluation import measure_specs
from cnnforge.host import Registry
from cnnforge.recipe import Component, TrainingSection, keras_names
from cnnforge_checks.callbacks import Figure, Figures, Watching, check_callback, setting_of

_SETS_LEARNING_RATE = {"reducelronplateau", "learningratescheduler"}
_TAKES_FUNCTION = {"learningratescheduler", "lambdacallback"}


def check_settings(training: TrainingSection, registry: Registry) -> None:
    """Refuse settings that cannot be meant, as far as the recipe shows them.

    Raises:
        RecipeError: One cannot.
    """
    _check_arguments("training.loss", training.loss)
    for i, metric in enumerate(training.metrics):
        _check_arguments(f"training.metrics[{i}]", metric)
    figures = figures_of_recipe(training, registry)
    for i, component in enumerate(training.callbacks):
        if ":" in component.name:
            return  # it may add figures, which those after it read; the dry step goes on from here
        watching = Watching(i, component.name, frozenset({keras_names.normalise(component.name)}), component.arguments)
        check_kind(training, watching)
        check_callback(training, watching, figures)


def check_kind(training: TrainingSection, callback: Watching) -> None:
    """Refuse a callback that cannot work in a run, whatever it monitors.

    Raises:
        RecipeError: It cannot.
    """
    if callback.kinds & _TAKES_FUNCTION:
        raise RecipeError(
            f"{callback.key}: {callback.name} takes a function, which a recipe cannot name",
            hint="training.schedule has what changes the learning rate: --set training.schedule=cosine; a callback of"
            " your own is named as 'package.module:Class'",
        )
    if callback.kinds & _SETS_LEARNING_RATE and training.schedule is not None:
        raise RecipeError(
            f"{callback.key}: expected one of a schedule and a callback to set the learning rate, received"
            f" training.schedule={training.schedule.name} and {callback.name}",
            hint=f"leave one of them out; without the callback: --set '{_without(training, callback.index)}'",
        )
    if "backupandrestore" in callback.kinds:
        raise RecipeError(
            f"{callback.key}: expected none that restores a backup, received {callback.name}",
            hint="every run saves itself, and goes on with: cnnforge run --resume RUN; leave it out:"
            f" --set '{_without(training, callback.index)}'",
        )
    monitor = callback.arguments.get("monitor", "val_loss")
    if callback.arguments.get("restore_best_weights") and training.best not in (None, monitor.removeprefix("val_")):
        raise RecipeError(
            f"{callback.key}: expected one choice of the weights to keep, received training.best={training.best} and"
            f" restore_best_weights with monitor={monitor}",
            hint="a run keeps the weights of its best epoch anyway: leave restore_best_weights out, or training.best",
        )


def _without(training: TrainingSection, index: int) -> str:
    """Return the setting of the callbacks without one of them."""
    return setting_of([{"name": c.name, **c.arguments} for i, c in enumerate(training.callbacks) if i != index])


def figures_of_recipe(training: TrainingSection, registry: Registry) -> Figures:
    """Return the figures of an epoch, as far as the recipe shows them: those of loss, metrics and measures.

    A metric that is no class of Keras may have any name: then ``is_complete`` is False.
    """
    by_name = {"loss": Figure("min", True), "learning_rate": Figure()}
    is_complete = True
    for i, metric in enumerate(training.metrics):
        name = metric.arguments.get("name")
        if name is None and ":" in metric.name:
            is_complete = False
            continue
        if name is None:
            is_own = metric.name in keras_names.OWN_NAMES["metrics"]
            key = f"training.metrics[{i}]"
            name = metric.name if is_own else keras_names.find(key, "metrics", metric.name).default_name
        num_before = sum(re.fullmatch(rf"{re.escape(name)}(_\d+)?", other) is not None for other in by_name)
        if num_before:  # Keras numbers what has one name, and then knows no direction of it
            by_name[f"{name}_{num_before}"] = Figure()
        else:
            by_name[name] = Figure("max" if name == "accuracy" else "", True)
    by_name |= {f"val_{name}": figure for name, figure in by_name.items() if name != "learning_rate"}
    return Figures(with_measures(by_name, training, registry), is_complete)


def with_measures(by_name: dict[str, Figure], training: TrainingSection, registry: Registry) -> dict[str, Figure]:
    """Return figures and, of those that they lack, the measures that the recipe asks for after each epoch."""
    specs = measure_specs(registry)
    asked = [name for name in (*(training.epoch_measures or ()), training.best) if name in specs]
    better = {name: "max" if specs[name].better == "higher" else "min" for name in asked}
    return {f"val_{name}": Figure(direction, False) for name, direction in better.items()} | by_name


def _check_arguments(key: str, component: Component) -> None:
    if component.arguments.get("from_logits"):
        raise RecipeError(
            f"{key}: expected from_logits=false, since networks end in probabilities here, received from_logits=true",
            hint="leave it out, and end the network with cnnforge.head(x, num_classes)",
        )
    smoothing = component.arguments.get("label_smoothing", 0)
    if not isinstance(smoothing, int | float) or not 0 <= smoothing < 1:
        raise RecipeError(f"{key}: expected label_smoothing from 0 to below 1, received label_smoothing={smoothing}")
    if key == "training.loss" and component.arguments.get("reduction", "mean") in (None, "none"):
        raise RecipeError(
            f"{key}: expected one figure for a batch, received reduction={component.arguments['reduction']}",
            hint="leave reduction out",
        )


def idle_callbacks(training: TrainingSection) -> list[str]:
    """Return a line for each callback of Keras whose patience was longer than training."""
    epochs = training.epochs + (training.fine_tuning.epochs if training.fine_tuning else 0)
    lines = []
    for component in training.callbacks:
        asked = component.arguments
        defaults = {"earlystopping": 0, "reducelronplateau": 10}
        patience = asked.get("patience", defaults.get(keras_names.normalise(component.name), -1))
        waits = patience + asked.get("start_from_epoch", 0) if keras_names.normalise(component.name) in defaults else 0
        if waits >= epochs:
            lines.append(f"Note     {component.name} waits for {waits} epochs and could do nothing in {epochs}")
    return lines
