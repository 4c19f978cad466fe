"""The one table of measures: the core's own here, the plugins' beside them; and taking them of predictions.

Importing this imports nothing heavy: ``cnnforge list`` and every check of a recipe read it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from cnnforge.errors import PluginError
from cnnforge.host import CORE, Entry, MeasureSpec, Registry, import_deferred

if TYPE_CHECKING:
    import numpy as np

    from cnnforge.evaluation.predictions import Predictions
    from cnnforge.recipe import TrainingSection

_FUNCTIONS = "cnnforge.evaluation.measures"

MEASURES = (
    MeasureSpec(name="accuracy", title="Accuracy", better="higher", compute=f"{_FUNCTIONS}:accuracy", percent=True),
    MeasureSpec(
        name="balanced_accuracy",
        title="Balanced accuracy",
        better="higher",
        compute=f"{_FUNCTIONS}:balanced_accuracy",
        percent=True,
    ),
    MeasureSpec(name="macro_f1", title="Macro F1", better="higher", compute=f"{_FUNCTIONS}:macro_f1", percent=True),
    MeasureSpec(
        name="matthews_correlation",
        title="Matthews correlation",
        better="higher",
        compute=f"{_FUNCTIONS}:matthews_correlation",
    ),
    MeasureSpec(name="roc_auc", title="Area under the ROC curve", better="higher", compute=f"{_FUNCTIONS}:roc_auc"),
    MeasureSpec(
        name="average_precision",
        title="Average precision",
        better="higher",
        compute=f"{_FUNCTIONS}:average_precision",
    ),
    MeasureSpec(name="loss", title="Loss (cross-entropy)", better="lower", compute=f"{_FUNCTIONS}:loss"),
    MeasureSpec(name="brier_score", title="Brier score", better="lower", compute=f"{_FUNCTIONS}:brier_score"),
    MeasureSpec(
        name="expected_calibration_error",
        title="Expected calibration error",
        better="lower",
        compute=f"{_FUNCTIONS}:expected_calibration_error",
        percent=True,
    ),
)
"""The core's own measures, in the order in which they are shown."""


def measure_specs(registry: Registry) -> dict[str, MeasureSpec]:
    """Return the measures by name, the core's first; of several plugins that claim a name the first."""
    return {name: found[0].spec for name, found in registry.catalogue(MeasureSpec).entries.items()}


def asked_measures(training: TrainingSection, registry: Registry) -> list[Entry[MeasureSpec]]:
    """Return the measures that a recipe asks for after each epoch, plugins having checked the whole of ``[training]``.

    A command that trains calls it before Keras is imported; one that only uses what was trained does without them.

    Raises:
        RecipeError: Settings do not fit one another.
        UnknownNameError: No plugin brings one of them.
        NameConflictError: Several plugins bring it.
    """
    list(registry.host.collect("cnnforge_training_settings", training=training, registry=registry))
    names = [*(training.epoch_measures or ()), training.best]
    return [registry.catalogue(MeasureSpec).get(name) for name in dict.fromkeys(names) if name is not None]


def take(
    predictions: Predictions,
    wanted: Iterable[Entry[MeasureSpec]],
    known: Mapping[str, float | None] | None = None,
) -> tuple[dict[str, float | None], list[str]]:
    """Take measures of predictions.

    Args:
        predictions: For one image at least.
        wanted: Which measures; those that need more classes are left out.
        known: Those of the core's own that have been computed already.

    Returns:
        Each figure by its name, None where the images have none or it failed; and a warning for each failure, which
        names measure and plugin.
    """
    figures: dict[str, float | None] = {}
    warnings = []
    locked = replace(predictions, labels=_locked(predictions.labels), probabilities=_locked(predictions.probabilities))
    for entry in wanted:
        name = entry.spec.name
        if len(predictions.class_names) < entry.spec.needs:
            continue
        if known and entry.plugin == CORE and name in known:
            figures[name] = known[name]
            continue
        try:
            figures[name] = _figure(entry, locked)
        except PluginError as error:
            figures[name] = None
            warnings.append(str(error))
    return figures, warnings


def take_all(
    predictions: Predictions, registry: Registry, known: Mapping[str, float | None]
) -> tuple[dict[str, float | None], list[str]]:
    """Take every measure of predictions, as :func:`take` does; one that several plugins claim is none of them."""
    catalogue = registry.catalogue(MeasureSpec)
    conflicts = catalogue.conflicts()
    wanted = [found[0] for name, found in catalogue.entries.items() if name not in conflicts]
    figures, warnings = take(predictions, wanted, known)
    claimed = [f"measure {name!r} is claimed by {' and '.join(owners)}" for name, owners in conflicts.items()]
    return {**figures, **dict.fromkeys(conflicts)}, [*warnings, *claimed]


def _figure(entry: Entry[MeasureSpec], predictions: Predictions) -> float | None:
    """Return a figure.

    Raises:
        PluginError: The function fails, or returns what is no finite number.
    """
    owner = f"measure {entry.spec.name!r} of plugin {entry.plugin}"
    compute = import_deferred(entry.spec.compute, owner)
    try:
        value = compute(predictions)
        figure = None if value is None else float(value)
    except (Exception, SystemExit) as error:
        raise PluginError(f"{owner} failed: {type(error).__name__}: {error}") from error
    if figure is not None and not math.isfinite(figure):
        raise PluginError(f"{owner}: expected a finite number, received {figure}")
    return figure


def _locked(array: np.ndarray) -> np.ndarray:
    """Return the same numbers, not to be changed: a measure that sorts in place would change all that follow."""
    view = array.view()
    view.flags.writeable = False
    return view
