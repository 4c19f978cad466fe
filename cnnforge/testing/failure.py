"""How a check of a contract fails: what is wrong, and what to do about it."""

from __future__ import annotations

from typing import NoReturn

import pytest


def fail(problem: str, remedy: str, cause: BaseException | None = None) -> NoReturn:
    """End a test with what is wrong and what to do; with the traceback of the plugin's own code where that failed."""
    text = f"{problem}\n→ {remedy}"
    if cause is None:
        pytest.fail(text, pytrace=False)
    raise pytest.fail.Exception(text) from cause
