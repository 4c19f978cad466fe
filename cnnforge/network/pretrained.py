"""Whether a network that is being built wants its pretrained weights, or is given those of a run right afterwards.

Apart from what builds networks, since plugins import it without Keras.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_IS_WANTED = ContextVar("pretrained weights are wanted", default=True)


def wants_pretrained() -> bool:
    """Return whether ``build`` should load pretrained weights; asked there, by architectures that have some.

    False when CNNForge builds the network of a run that has been trained: its own weights follow, all of them, so that
    nobody needs the file or the download a second time. Everything but the weights must be the same.
    """
    return _IS_WANTED.get()


@contextmanager
def weights_follow() -> Iterator[None]:
    """Let networks that are built within it leave their pretrained weights out."""
    token = _IS_WANTED.set(False)
    try:
        yield
    finally:
        _IS_WANTED.reset(token)
