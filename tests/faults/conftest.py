"""Runs of the command line in processes of their own, with a fault brought about inside."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from cnnforge.running.run_dir import RunDir
from tests.e2e.test_run import make_photographs
from tests.faults.callbacks import VARIABLE
from tests.faults.kills import RECIPE, write_recipe

WITH_FAULT = RECIPE.replace("callbacks = [\n", 'callbacks = [\n    "tests.faults.callbacks:Fault",\n')
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Shell:
    """A folder with a recipe and photographs, in which commands are given."""

    folder: Path

    @property
    def directory(self) -> RunDir:
        return RunDir(self.folder / "runs" / "r")

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "cnnforge", "run", *arguments]

    def environment(self, fault: str = "") -> dict[str, str]:
        chosen = {VARIABLE: f"{fault} {self.directory.path}"} if fault else {}
        return {**os.environ, **chosen, "PYTHONPATH": str(ROOT), "COLUMNS": "80"}

    def start(self, *more: str, fault: str = "") -> subprocess.CompletedProcess[str]:
        return self._run(self.command("small.toml", "--name", "r", *more), fault)

    def resume(self, *more: str, fault: str = "") -> subprocess.CompletedProcess[str]:
        return self._run(self.command("--resume", "r", *more), fault)

    def _run(self, command: list[str], fault: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self.folder, env=self.environment(fault), capture_output=True, text=True, timeout=600
        )


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of photographs that no test changes."""
    return make_photographs(tmp_path_factory.mktemp("faults") / "photographs", ["apple", "pear"], 40)


@pytest.fixture
def shell(tmp_path: Path, pictures: Path) -> Shell:
    """A folder with ``small.toml``, whose run is called ``r``."""
    write_recipe(tmp_path, pictures, WITH_FAULT)
    return Shell(tmp_path)


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Callable[[], RunDir]:
    """A function that returns the run of the same recipe without any fault, made once."""
    made: list[RunDir] = []

    def reference() -> RunDir:
        if not made:
            folder = tmp_path_factory.mktemp("reference")
            write_recipe(folder, pictures, WITH_FAULT)
            done = Shell(folder).start()
            assert done.returncode == 0, done.stderr
            made.append(Shell(folder).directory)
        return made[0]

    return reference
