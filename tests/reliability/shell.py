"""Commands in a folder of their own, with a cache of their own; a small trained run; photographs of every kind."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from cnnforge.running.run_dir import RunDir
from tests.unit.data.image_cases import encode

SMALL = ("data.image_size=[96,96]", "architecture.filters=[8,16]", "architecture.dense_units=16", "training.epochs=2",
         "training.batch_size=16", "training.precision=float32", "data.test_fraction=0.5")  # fmt: skip


@dataclass(frozen=True)
class Shell:
    """A folder in which ``cnnforge`` is called."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)

    def command(self, *arguments: object) -> list[str]:
        return [sys.executable, "-m", "cnnforge", *map(str, arguments)]

    @property
    def environment(self) -> dict[str, str]:
        own = {"CNNFORGE_CACHE_DIR": str(self.folder / "cache"), "CNNFORGE_LOAD_PLUGINS": "", "COLUMNS": "80"}
        return {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **own, **self.environ}

    def __call__(self, *arguments: object, timeout: int = 300) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=timeout,
        )  # fmt: skip

    def must(self, *arguments: object) -> str:
        """Call a command that has to work, and return what it prints."""
        done = self(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout


def settings(*texts: str) -> list[str]:
    return [part for text in texts for part in ("--set", text)]


def train(shell: Shell, photographs: Path) -> RunDir:
    """Train a small network."""
    shell.must("run", "directory-cnn", "--data", photographs, "--name", "r", *settings(*SMALL))
    return RunDir(shell.folder / "runs" / "r")


def photographs(folder: Path, seed: int, per_class: int = 40) -> Path:
    """Write pictures of two classes, of many sizes and in all formats, with edges that show how they were resized."""
    generator = np.random.default_rng(seed)
    formats = [("JPEG", "jpg")] * 6 + [("PNG", "png"), ("WEBP", "webp"), ("BMP", "bmp"), ("GIF", "gif")]
    for label, name in enumerate(("cat", "dog")):
        (folder / name).mkdir(parents=True)
        for number in range(per_class):
            height, width = generator.integers(60, 500, 2).tolist()
            small = generator.integers(0, 180, (height // 4 + 1, width // 4 + 1, 3), np.uint8)
            small[:: 2 + label] += 70
            image = Image.fromarray(small).resize((width, height), Image.Resampling.NEAREST)
            image_format, extension = formats[number % len(formats)]
            exif = Image.Exif()
            exif[0x0112] = 1 + number % 8
            more = {"quality": 90, "exif": exif.tobytes()} if image_format == "JPEG" else {}
            (folder / name / f"{number}.{extension}").write_bytes(encode(image, image_format, **more))
    return folder
