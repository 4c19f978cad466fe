"""The state that Keras keeps for a whole process: seeds, dtype policy, the numbers in the names of layers."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

_KEPT = ("distribution", "nnx_enabled")  # of the process itself, such as one that trains together with others


@contextmanager
def own_keras_state() -> Iterator[None]:
    """Compute with the state of a process in which nothing has used Keras yet, and leave that of this one as it was.

    So a network trained after another, or beside the user's own models, gets the bits that it gets alone. Keras may be
    imported within.
    """
    numbers, shuffles = np.random.get_state(), random.getstate()
    seed = _tensorflow_seed()
    before: dict[str, object] = {}
    if "keras" in sys.modules:
        before = dict(_state())
        _replace({})
    try:
        yield
    finally:
        if "keras" in sys.modules:
            _replace(before)
            _seed_tensorflow(seed)
        np.random.set_state(numbers)
        random.setstate(shuffles)


def _state() -> dict[str, object]:
    from keras.src.backend.common import global_state

    state: dict[str, object] = global_state.GLOBAL_STATE_TRACKER.__dict__
    return state


def _replace(values: dict[str, object]) -> None:
    state = _state()
    kept = {name: state[name] for name in _KEPT if name in state}
    state.clear()
    state.update({**values, **kept})


def _tensorflow_seed() -> int | None:
    if "tensorflow" not in sys.modules:
        return None
    from tensorflow.python.eager import context

    seed: int | None = context.global_seed()
    return seed


def _seed_tensorflow(seed: int | None) -> None:
    if "tensorflow" not in sys.modules:
        return
    from tensorflow.python.eager import context

    context.set_global_seed(seed)
