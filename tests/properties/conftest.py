"""The registry that recipes are checked against."""

from __future__ import annotations

import pytest

from cnnforge.host.registry import Registry
from tests.unit.conftest import registry as _registry


@pytest.fixture(scope="module")
def small_registry() -> Registry:
    """An architecture `tiny` and a data source `photos`, for all examples of a test."""
    found: Registry = _registry.__wrapped__()
    return found
