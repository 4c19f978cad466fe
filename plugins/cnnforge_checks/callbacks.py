"""What callbacks watch: whether an epoch has that figure, and in which direction it is better."""

from __future__ import annotations

import json
import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from cnnforge.errors import RecipeError, did_you_mean
from cnnforge.recipe import TrainingSection

_MONITORING = ("earlystopping", "reducelronplateau", "modelcheckpoint")
_MODES = ("auto", "min", "max")


class Figure(NamedTuple):
    """A figure of an epoch: ``"max"`` or ``"min"`` is better, ``""`` unknown; whether Keras finds that out itself."""

    better: str = ""
    is_known_to_keras: bool = False


class Figures(NamedTuple):
    """The figures of an epoch by name, and whether there can be no others."""

    by_name: Mapping[str, Figure]
    is_complete: bool


@dataclass(frozen=True, slots=True)
class Watching:
    """A callback of a recipe: its place, its name there, its classes' names in small letters, its arguments."""

    index: int
    name: str
    kinds: frozenset[str]
    arguments: Mapping[str, Any]

    @property
    def key(self) -> str:
        """The setting, for messages."""
        return f"training.callbacks[{self.index}]"

    @property
    def monitors(self) -> dict[str, str]:
        """The figures that it reads, by argument: its ``monitor``, and what looks like a figure of validation."""
        watched = {k: v for k, v in self.arguments.items() if isinstance(v, str) and re.fullmatch(r"val_\w+", v)}
        if not self.is_of_keras:
            return watched | {k: v for k, v in self.arguments.items() if k == "monitor" and isinstance(v, str)}
        is_idle = "modelcheckpoint" in self.kinds and not self.arguments.get("save_best_only")
        return {} if is_idle else {"monitor": self.arguments.get("monitor", "val_loss")}

    @property
    def is_of_keras(self) -> bool:
        """Whether it is one of Keras's that monitor, or derived from one."""
        return not self.kinds.isdisjoint(_MONITORING)


def check_callback(training: TrainingSection, callback: Watching, figures: Figures) -> None:
    """Refuse a callback that waits for a figure that no epoch has, or for the worse of two.

    Raises:
        RecipeError: It does.
    """
    for argument, monitor in callback.monitors.items():
        figure = figures.by_name.get(monitor)
        if figure is not None:
            if callback.is_of_keras:
                _check_mode(training, callback, monitor, figure)
        elif figures.is_complete:
            _refuse_unknown(training, callback, argument, figures)
    _check_file_name(callback, figures)


def _refuse_unknown(training: TrainingSection, callback: Watching, argument: str, figures: Figures) -> None:
    monitor, known = callback.monitors[argument], list(figures.by_name)
    close = next((name for name in known if monitor and name.startswith(monitor)), None)
    suggestion = f" Did you mean '{close}'?" if close else did_you_mean(monitor, known)
    changed = re.search("'(.*)'", suggestion)
    raise RecipeError(
        f"{callback.key}: expected a figure of an epoch, received {argument}={monitor} of {callback.name}."
        f"{suggestion} Measured: {', '.join(known)}",
        hint=f"--set '{_changed(training, callback.index, **{argument: changed[1]})}'"
        if changed
        else "name it in training.metrics or training.epoch_measures (cnnforge list measures), or monitor another",
    )


def _check_mode(training: TrainingSection, callback: Watching, monitor: str, figure: Figure) -> None:
    mode, baseline = callback.arguments.get("mode", "auto"), callback.arguments.get("baseline")
    if mode not in _MODES:
        raise RecipeError(f"{callback.key}: expected mode 'auto', 'min' or 'max', received mode={mode}")
    if mode == "auto" and not figure.is_known_to_keras:
        raise RecipeError(
            f"{callback.key}: expected mode 'min' or 'max' beside monitor={monitor}, of which Keras does not know"
            f" what is better, received mode={mode}",
            hint=f"--set '{_changed(training, callback.index, monitor=monitor, mode=figure.better or 'max')}'",
        )
    if figure.better and mode not in ("auto", figure.better):
        raise RecipeError(
            f"{callback.key}: expected mode={figure.better} for monitor={monitor}, since a"
            f" {'higher' if figure.better == 'max' else 'lower'} one is better, received mode={mode}",
            hint=f"--set '{_changed(training, callback.index, mode=figure.better)}'",
        )
    if baseline is not None and monitor.endswith("accuracy") and not 0 <= baseline < 1:
        raise RecipeError(
            f"{callback.key}: expected a baseline that {monitor} can exceed, from 0 to below 1, received"
            f" baseline={baseline}"
        )


def _check_file_name(callback: Watching, figures: Figures) -> None:
    if "modelcheckpoint" not in callback.kinds or not figures.is_complete:
        return
    known = ["epoch", "batch", *figures.by_name]
    for _, name, _, _ in string.Formatter().parse(str(callback.arguments.get("filepath", ""))):
        if name is not None and name not in known:
            raise RecipeError(
                f"{callback.key}: expected figures of an epoch in filepath, received {{{name}}}."
                f"{did_you_mean(name, known)} Measured: {', '.join(known)}"
            )


def _changed(training: TrainingSection, index: int, **arguments: str) -> str:
    """Return the setting of the callbacks with some arguments of one of them changed."""
    written = [
        {"name": c.name, **c.arguments, **(arguments if i == index else {})} for i, c in enumerate(training.callbacks)
    ]
    return setting_of(written)


def setting_of(callbacks: list[dict[str, Any]]) -> str:
    """Return callbacks as ``--set`` takes them."""
    tables = (", ".join(f"{key}={json.dumps(value)}" for key, value in c.items()) for c in callbacks)
    return f"training.callbacks=[{', '.join(f'{{{table}}}' for table in tables)}]"
