"""Keras optimizers, losses, metrics, schedules and callbacks, built from what a recipe names."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import keras

from cnnforge.errors import RecipeError, did_you_mean
from cnnforge.host import import_deferred
from cnnforge.recipe import Component, TrainingSection, keras_names as keras_index


def build_optimizer(training: TrainingSection, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """Return the optimizer with its learning rate or schedule."""
    learning_rate = build_schedule(training, steps_per_epoch) or training.learning_rate
    return _build("training.optimizer", "optimizers", training.optimizer, learning_rate=learning_rate)


def build_schedule(
    training: TrainingSection, steps_per_epoch: int
) -> keras.optimizers.schedules.LearningRateSchedule | None:
    """Return the learning-rate schedule, or None for a constant rate.

    ``cosine`` rises from 0 to ``training.learning_rate`` over ``warmup_epochs`` (default 0) and falls along half a
    cosine to ``final_fraction`` (default 0) of it at the last step (Loshchilov and Hutter 2017, arXiv:1608.03983).
    Keras's own schedules start at ``training.learning_rate`` unless they state an ``initial_learning_rate``.
    """
    component = training.schedule
    if component is None:
        return None
    if component.name != "cosine":
        return _build(
            "training.schedule", "schedules", component, fallback={"initial_learning_rate": training.learning_rate}
        )
    warmup_steps = round(float(component.arguments.get("warmup_epochs", 0)) * steps_per_epoch)
    decay_steps = training.epochs * steps_per_epoch - warmup_steps
    if decay_steps < 1:
        raise RecipeError(
            f"training.schedule: expected warmup_epochs below training.epochs={training.epochs},"
            f" received warmup_epochs={component.arguments.get('warmup_epochs')}"
        )
    return keras.optimizers.schedules.CosineDecay(
        0.0 if warmup_steps else training.learning_rate,
        decay_steps,
        alpha=float(component.arguments.get("final_fraction", 0.0)),
        warmup_target=training.learning_rate if warmup_steps else None,
        warmup_steps=warmup_steps,
    )


def build_loss(training: TrainingSection, num_classes: int) -> Any:
    """Return the loss; ``auto`` is binary cross-entropy for two classes, categorical for more."""
    if training.loss.name == "auto":
        name = "BinaryCrossentropy" if num_classes == 2 else "CategoricalCrossentropy"
        return getattr(keras.losses, name)()
    return _build("training.loss", "losses", training.loss)


def build_metrics(training: TrainingSection) -> list[Any]:
    """Return the metrics; ``accuracy`` is left for Keras to fit to the model's output.

    One without a name gets it from its class. Keras by itself would number it: ``auc_2`` in the third network of a
    process, so that a callback that monitors ``val_auc`` would find nothing.
    """
    return [
        "accuracy" if c.name == "accuracy" else _metric(f"training.metrics[{i}]", c)
        for i, c in enumerate(training.metrics)
    ]


def _metric(key: str, component: Component) -> Any:
    factory = _factory(key, "metrics", component)
    parameter = inspect.signature(factory).parameters.get("name")
    is_numbered = parameter is not None and parameter.default is None
    name = {"name": keras_index.snake_case(factory.__name__)} if is_numbered else {}
    return _build(key, "metrics", component, fallback=name)


def build_callbacks(training: TrainingSection) -> list[keras.callbacks.Callback]:
    """Return the callbacks that the recipe names.

    Raises:
        RecipeError: One of them is ``BackupAndRestore``, which would decide beside us where training goes on.
    """
    built = [_build(f"training.callbacks[{i}]", "callbacks", c) for i, c in enumerate(training.callbacks)]
    if any(isinstance(callback, keras.callbacks.BackupAndRestore) for callback in built):
        raise RecipeError(
            "training.callbacks: expected none that restores a backup, received BackupAndRestore",
            hint="every run saves itself; leave it out, and continue with: cnnforge run --resume RUN",
        )
    return built


def wants_class_indices(loss: Any) -> bool:
    """Return whether a loss takes class indices instead of one-hot targets."""
    return "sparse" in type(loss).__name__.lower()


def _build(key: str, kind: str, component: Component, fallback: dict[str, Any] | None = None, **fixed: Any) -> Any:
    factory = _factory(key, kind, component)
    accepted = inspect.signature(factory).parameters
    if not any(p.kind is p.VAR_KEYWORD for p in accepted.values()):
        _check_arguments(key, component, accepted)
    defaults = {name: value for name, value in (fallback or {}).items() if name in accepted}
    try:
        return factory(**{**defaults, **component.arguments, **fixed})
    except (TypeError, ValueError) as error:
        raise RecipeError(f"{key}: {component.name} does not accept its arguments: {error}") from error


def _factory(key: str, kind: str, component: Component) -> Any:
    if ":" in component.name:
        return import_deferred(component.name, key)
    name = keras_index.find(key, kind, component.name).name
    module = keras.optimizers.schedules if kind == "schedules" else getattr(keras, kind)
    return getattr(module, name)


def _check_arguments(key: str, component: Component, accepted: Iterable[str]) -> None:
    known = list(accepted)
    for argument in component.arguments:
        if argument not in known:
            raise RecipeError(f"{key}: {component.name} has no argument {argument!r}.{did_you_mean(argument, known)}")
