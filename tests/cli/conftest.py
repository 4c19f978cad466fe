"""The command line, in this process where that is enough and in one of its own where it is not."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnforge.interface import registry


@pytest.fixture(autouse=True)
def fresh_registry() -> Iterator[None]:
    """Let every command look for plugins again."""
    registry.cache_clear()
    yield
    registry.cache_clear()


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


@dataclasses.dataclass(frozen=True)
class Trained:
    """A trained run and the class folders it was trained on."""

    run: Path
    photographs: Path

    def copy(self, folder: Path, name: str = "run") -> Path:
        """Return a copy of the run that a test may write into."""
        return Path(shutil.copytree(self.run, folder / name))


def draw(folder: Path, class_names: list[str], per_class: int, seed: int = 0) -> Path:
    """Write noisy pictures in which each class is brighter in another part of the picture."""
    generator = np.random.default_rng(seed)
    for label, name in enumerate(class_names):
        (folder / name).mkdir(parents=True)
        for number in range(per_class):
            pixels = generator.integers(0, 130, (60, 80, 3), np.uint8)
            pixels[label * 15 : label * 15 + 20] += 90
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A small network trained for two epochs; its image store is in a cache that no test sees."""
    from cnnforge.cli.run import run_command

    folder = tmp_path_factory.mktemp("trained")
    photographs = draw(folder / "photographs", ["apple", "pear"], 60)
    settings = ["data.image_size=[48,48]", "training.epochs=2", "training.batch_size=16", "architecture.dense_units=16"]
    settings.append("training.precision=float32")  # not measured
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CNNFORGE_CACHE_DIR", str(folder / "cache"))
        run_command(
            "directory-cnn", photographs, settings=settings, runs_dir=folder / "runs", name="small", as_json=True
        )
    return Trained(folder / "runs" / "small", photographs)
