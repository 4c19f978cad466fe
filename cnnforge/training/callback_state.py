"""What Keras callbacks remember, as JSON and arrays: patience, best value so far, wait, and whatever else is plain.

A callback's state is what its ``get_state()`` returns, if it has one, else those of its attributes that are plain
values: numbers, texts, arrays, None, and lists, tuples and dictionaries of these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from cnnforge.errors import RecipeError

_KERAS_OWN = ("params",)  # how long training is to go on: of this process, not of the one that saved


class _NotPlainError(Exception):
    """A value that cannot be saved."""


def capture_callbacks(
    callbacks: Sequence[keras.callbacks.Callback], arrays: dict[str, np.ndarray]
) -> list[dict[str, Any]]:
    """Return the state of callbacks as JSON, and put what it has of arrays into ``arrays``."""
    return [
        {"class": type(callback).__name__, "state": _plain_items(_state(callback), arrays)} for callback in callbacks
    ]


def restore_callbacks(
    callbacks: Sequence[keras.callbacks.Callback],
    saved: Sequence[Mapping[str, Any]],
    arrays: Mapping[str, np.ndarray],
    *,
    accept_changes: bool = False,
) -> None:
    """Give callbacks the state that :func:`capture` returned.

    Args:
        callbacks: Those of this process, in order.
        saved: What :func:`capture` returned.
        arrays: What it put aside.
        accept_changes: Let callbacks that are new begin as they are, and forget those that are gone.

    Raises:
        RecipeError: They are not the callbacks of which it was captured.
    """
    present, before = [type(callback).__name__ for callback in callbacks], [item["class"] for item in saved]
    if present != before and not accept_changes:
        raise RecipeError(
            f"expected the callbacks that the run was started with, {', '.join(before)}, received {', '.join(present)}",
            hint="install the plugins it was started with, or accept the difference: --accept-changes",
        )
    remaining = list(saved)
    for callback in callbacks:
        item = next((item for item in remaining if item["class"] == type(callback).__name__), None)
        if item is None:
            continue
        remaining.remove(item)
        state = {name: _decode(value, arrays) for name, value in item["state"].items()}
        if hasattr(callback, "set_state"):
            callback.set_state(state)
        else:
            vars(callback).update(state)


def _state(callback: keras.callbacks.Callback) -> dict[str, Any]:
    if hasattr(callback, "get_state"):
        state: dict[str, Any] = callback.get_state()
        return state
    return {name: value for name, value in vars(callback).items() if name not in _KERAS_OWN}


def _plain_items(state: Mapping[str, Any], arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    encoded = {}
    for name, value in state.items():
        of_value: dict[str, np.ndarray] = {}  # apart, since a value that cannot be saved may have some that could
        try:
            encoded[name] = _encode(value, of_value, len(arrays))
        except _NotPlainError:
            continue  # a model, a file, a thread: the callback makes it anew when training begins
        arrays |= of_value
    return encoded


def _encode(value: Any, arrays: dict[str, np.ndarray], number: int) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray | np.generic):
        if value.dtype.kind not in "biuf":
            raise _NotPlainError
        key = f"callback {number + len(arrays):05}"
        arrays[key] = np.asarray(value)
        return {"array": key}
    if isinstance(value, list | tuple):
        items = [_encode(item, arrays, number) for item in value]
        return items if isinstance(value, list) else {"tuple": items}
    if isinstance(value, dict):
        return {"items": [[_encode(part, arrays, number) for part in pair] for pair in value.items()]}
    name = getattr(value, "__name__", "")
    if getattr(keras.ops, name, None) is value:
        return {"function": name}  # whether less or more is better, as EarlyStopping finds out once
    raise _NotPlainError


def _decode(value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    if isinstance(value, list):
        return [_decode(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "array":
        return arrays[content]
    if kind == "tuple":
        return tuple(_decode(item, arrays) for item in content)
    if kind == "function":
        return getattr(keras.ops, content)
    return {_decode(key, arrays): _decode(item, arrays) for key, item in content}
