"""What a worker sends back of a task: its result or its exception, whatever it is."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def attempt(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[Exception | None, Any]:
    """Call a function; return what it raised or None, and its result. What it raised can be sent to other processes."""
    try:
        return None, function(*args, **kwargs)
    except BaseException as error:  # whatever it is, the parent decides
        return _sendable(error), None


def _sendable(error: BaseException) -> Exception:
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - what we have just made
    except Exception:  # anything may go wrong when foreign exceptions are pickled
        return RuntimeError("".join(traceback.format_exception(error)))
    return error if isinstance(error, Exception) else RuntimeError(f"{type(error).__name__}: {error}")
