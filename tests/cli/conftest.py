"""The command line, in this process where that is enough and in one of its own where it is not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from cnnforge.cli import common


@pytest.fixture(autouse=True)
def fresh_registry() -> Iterator[None]:
    """Let every command look for plugins again."""
    common.registry.cache_clear()
    yield
    common.registry.cache_clear()


@pytest.fixture(autouse=True)
def no_other_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep plugins that happen to be installed away; tests name those they install."""
    monkeypatch.setenv("CNNFORGE_LOAD_PLUGINS", "")
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def process() -> Callable[..., subprocess.CompletedProcess[str]]:
    """A function that gives a command to ``python -m cnnforge``, or any Python code to a new interpreter."""

    def call(*arguments: str, code: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        start = ["-c", code] if code else ["-m", "cnnforge"]
        return subprocess.run(
            [sys.executable, *start, *arguments],
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
            check=False,
            env={**os.environ, **environ},
        )

    return call
