"""Optional dependencies: a missing one is an error that says what to install."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cnnforge.errors import RecipeError


@contextmanager
def needs_extra(extra: str) -> Iterator[None]:
    """Turn a failing import of what ``pip install cnnforge[extra]`` brings into an error that says so.

    Raises:
        RecipeError: A package is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise RecipeError(
            f"expected the package {error.name}, which is not installed", hint=f"pip install 'cnnforge[{extra}]'"
        ) from error
