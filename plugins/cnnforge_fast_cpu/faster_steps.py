"""Training steps made faster in three ways, each switched off for a network where it does not compute what Keras does.

Everything is arranged so for the length of a training step alone, by the network's ``train_step``: outside of it, and
in what is saved, the network is as its author wrote it.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import ExitStack
from typing import Any

import keras

from cnnforge_fast_cpu.fused_normalization import FusedNormalization
from cnnforge_fast_cpu.fused_updates import FusedUpdates
from cnnforge_fast_cpu.late_relu import LateRelu
from cnnforge_fast_cpu.plain import is_plain_model
from cnnforge_fast_cpu.step_check import Way, check_step

_checked: dict[str, list[str]] = {}  # what was found of the networks already checked in this process


class _FasterStep:
    """A training step in which everything is computed in the faster ways."""

    def __init__(self, model: keras.Model, ways: list[Way]) -> None:
        self._train_step = model.train_step
        self._ways = ways

    def __call__(self, *arguments: Any) -> Any:
        with ExitStack() as stack:
            for way in self._ways:
                stack.enter_context(way.swapped())
            return self._train_step(*arguments)


def swap_in(model: keras.Model) -> list[str]:
    """Have a network's training steps computed in the faster ways that are right; see ``make_faster``."""
    if isinstance(vars(model).get("train_step"), _FasterStep):
        del model.train_step
    if not is_plain_model(model):
        return []
    ways: list[Way] = [way for way in (LateRelu.of(model), FusedNormalization.of(model), FusedUpdates.of(model)) if way]
    if not ways:
        return []
    found = list(zip(ways, _check(model, ways), strict=True))
    right = [way for way, wrong in found if not wrong]
    if right:
        model.train_step = _FasterStep(model, right)
    return [f"{way} switched off: {wrong}" if wrong else str(way) for way, wrong in found]


def _check(model: keras.Model, ways: list[Way]) -> list[str]:
    """Return what is wrong with each way; found once for all networks of a structure, such as one built again."""
    try:
        key = _structure(model, ways)
    except Exception:  # a layer without a configuration
        return check_step(model, ways)
    if key not in _checked:
        _checked[key] = check_step(model, ways)
    return _checked[key]


def _structure(model: keras.Model, ways: list[Way]) -> str:
    """Return a digest of all that a network's training step is made of, but for the names that Keras makes up anew."""
    layers = list(model._flatten_layers())  # noqa: SLF001
    optimizer = model.optimizer
    facts = [
        model.get_config(),
        [layer.trainable for layer in layers],
        [type(optimizer).__name__, optimizer.get_config() | {"name": ""}],
        [str(way) for way in ways],
    ]
    numbers = {layer.name: number for number, layer in enumerate(layers)}
    text = json.dumps(_renamed(facts, numbers), default=repr)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _renamed(value: Any, numbers: dict[str, int]) -> Any:
    """Return a configuration with numbers in place of the names of layers."""
    if isinstance(value, dict):
        return {key: _renamed(inner, numbers) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_renamed(inner, numbers) for inner in value]
    return numbers.get(value, value) if isinstance(value, str) else value
