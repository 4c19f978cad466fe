"""Bad input to ``cnnforge run``: the exit code, a message that names what is wrong, and nothing left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.slow


def photograph(path: Path) -> None:
    """Write a picture unlike any other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = int.from_bytes(path.as_posix().encode()[-8:], "little")
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (40, 50, 3), np.uint8)).save(path)


def classes(folder: Path, *names: str, count: int = 20) -> Path:
    for name in names:
        for number in range(count):
            photograph(folder / name / f"{number}.png")
    return folder


def missing(tmp: Path) -> list[str]:
    return ["--data", str(tmp / "nowhere")]


def empty_folder(tmp: Path) -> list[str]:
    (tmp / "empty").mkdir()
    return ["--data", str(tmp / "empty")]


def one_class(tmp: Path) -> list[str]:
    return ["--data", str(classes(tmp / "photographs", "cat"))]


def cut_archive(tmp: Path) -> list[str]:
    folder = classes(tmp / "photographs", "cat", "dog")
    with zipfile.ZipFile(tmp / "whole.zip", "w") as archive:
        for path in sorted(folder.rglob("*.png")):
            archive.write(path, path.relative_to(folder))
    content = (tmp / "whole.zip").read_bytes()
    (tmp / "cut.zip").write_bytes(content[: len(content) // 2])
    return ["--data", str(tmp / "cut.zip")]


def class_in_one_split(tmp: Path) -> list[str]:
    classes(tmp / "photographs" / "train", "cat", "dog")
    classes(tmp / "photographs" / "test", "cat", "doge")
    return ["--data", str(tmp / "photographs")]


def all_damaged(tmp: Path) -> list[str]:
    folder = classes(tmp / "photographs", "cat", "dog")
    for path in folder.rglob("1*.png"):
        path.write_bytes(path.read_bytes()[:100])
    return ["--data", str(folder)]


def one_damaged_strict(tmp: Path) -> list[str]:
    folder = classes(tmp / "photographs", "cat", "dog")
    (folder / "cat" / "3.png").write_bytes(b"")
    return ["--data", str(folder), "--strict-data"]


def too_few(tmp: Path) -> list[str]:
    return ["--data", str(classes(tmp / "photographs", "cat", "dog", count=2))]


def existing_run(tmp: Path) -> list[str]:
    (tmp / "runs" / "mine").mkdir(parents=True)
    return ["--data", str(classes(tmp / "photographs", "cat", "dog")), "--name", "mine"]


def runs_dir_is_a_file(tmp: Path) -> list[str]:
    (tmp / "file").write_text("")
    return ["--data", str(classes(tmp / "photographs", "cat", "dog")), "--runs-dir", str(tmp / "file" / "runs")]


def name_outside(tmp: Path) -> list[str]:
    return ["--data", str(classes(tmp / "photographs", "cat", "dog")), "--name", "../mine"]


def setting(text: str) -> Callable[[Path], list[str]]:
    return lambda tmp: ["--set", text]


CASES: dict[str, tuple[Callable[[Path], list[str]], int, list[str]]] = {
    "missing path": (missing, 3, ["nowhere"]),
    "no data at all": (lambda tmp: [], 3, ["--data"]),
    "empty folder": (empty_folder, 3, ["empty"]),
    "one class": (one_class, 3, ["cat"]),
    "archive cut off": (cut_archive, 3, ["cut.zip"]),
    "class in one split only": (class_in_one_split, 3, ["doge"]),
    "many damaged images": (all_damaged, 3, ["10.png", "max_unreadable"]),
    "one damaged image, strictly": (one_damaged_strict, 3, ["cat/3.png", "empty file"]),
    "too few images": (too_few, 3, ["cat", "at least 3"]),
    "run exists": (existing_run, 2, ["mine", "exists already"]),
    "runs folder cannot be made": (runs_dir_is_a_file, 6, ["cannot write", "file"]),
    "name leads outside": (name_outside, 2, ["../mine"]),
    "unknown setting": (setting("training.epcohs=3"), 2, ["training.epcohs", "'epochs'"]),
    "value out of range": (setting("training.epochs=0"), 2, ["training.epochs", "0"]),
    "wrong type": (setting("training.batch_size=many"), 2, ["training.batch_size", "many"]),
    "not a setting": (setting("epochs"), 2, ["section.key=value"]),
    "unknown option of the network": (setting("architecture.filtres=[8]"), 2, ["filtres", "'filters'"]),
    "unknown optimizer": (setting("training.optimizer=admn"), 2, ["admn", "Adam"]),
}

# What only reading all images can tell is recorded in the run directory; what is wrong at first sight makes none.
FOUND_BY_THE_SCAN = {"many damaged images", "one damaged image, strictly", "too few images"}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_named_and_nothing_is_left_behind(case: str, tmp_path: Path) -> None:
    arrange, exit_code, expected = CASES[case]
    arguments = arrange(tmp_path)
    finished = subprocess.run(
        [sys.executable, "-m", "cnnforge", "run", "directory-cnn", "--runs-dir", "runs", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "80"},
        timeout=120,
    )
    assert finished.returncode == exit_code, finished.stderr
    assert finished.stderr.startswith("error: ")
    assert "Traceback" not in finished.stderr
    for text in expected:
        assert text in finished.stderr
    runs = list((tmp_path / "runs").glob("*"))
    if case in FOUND_BY_THE_SCAN:
        (run,) = runs
        facts = json.loads((run / "run.json").read_text(encoding="utf-8"))
        assert facts["status"] == "failed"
        assert expected[0] in facts["error"]
        assert (run / "report.html").exists()
    else:
        assert [run.name for run in runs] == (["mine"] if case == "run exists" else [])
        assert not [path for run in runs for path in run.iterdir()]
