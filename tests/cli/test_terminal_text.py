"""Names never command a terminal: every command, given hostile ones, on a pseudo-terminal."""

from __future__ import annotations

import errno
import json
import os
import pty
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnforge.evaluation.predictions import read_predictions
from cnnforge.images import seen_name
from tests.cli.test_runs import make

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")]

CLASSES = ["=cmd|calc!A0\x1b[31mRED\x1b]0;TITLE\x07", "right\u202eleft\nNEW,{{7*7}}", "\u2066isolated\x9b2J"]
NAMES = ['=HYPERLINK("http:,x")', "a\x1b[2J\x1b[31m", "b\u202egpj", "-2+3", "@SUM(1)", "\nNEW", "\t=1+1", "'=2"]
RUN = "run\x1b]0;TITLE\x07\nNEW\u202e"
# Everything above but for the sequences of Rich, which begin with ESC [ and end with one of these letters.
OF_RICH = re.compile(r"\x1b\[[0-9;?]*[mKAlhGJ]")
HOSTILE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]|(?m:^NEW)")


def on_terminal(*arguments: str, folder: Path, **environ: str) -> tuple[int, str]:
    """Run a command on a pseudo-terminal; return its exit code and all that came out."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "cnnforge", *arguments],
        stdin=terminal, stdout=terminal, stderr=terminal, cwd=folder,
        env={**os.environ, "COLUMNS": "200", "TERM": "xterm", **environ},
    )  # fmt: skip
    os.close(terminal)
    output = bytearray()
    while True:
        try:
            part = os.read(controller, 65536)
        except OSError as error:
            assert error.errno == errno.EIO
            break
        if not part:
            break
        output += part
    os.close(controller)
    return process.wait(), output.decode("utf-8", "replace").replace("\r\n", "\n")


def hostile(text: str) -> list[str]:
    """Return what a terminal would obey."""
    return HOSTILE.findall(OF_RICH.sub("", text).replace("\r", "")) + re.findall("\x1b\\[2J|\x1b\\[31mRED", text)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_hostile_names(tmp_path_factory.mktemp("hostile"))


def with_hostile_names(folder: Path) -> Path:
    """Fill a folder with photographs, a run that was trained on them on a terminal, and runs that were not."""
    generator = np.random.default_rng(0)
    for label, class_name in enumerate(CLASSES):
        (folder / "photographs" / class_name).mkdir(parents=True)
        for number in range(20):
            pixels = generator.integers(0, 130, (48, 64, 3), np.uint8)
            pixels[label * 10 : label * 10 + 12] += 90
            Image.fromarray(pixels).save(
                folder / "photographs" / class_name / f"{NAMES[number % len(NAMES)]}{number}.jpg", "JPEG"
            )
    settings = ["training.epochs=1", "training.batch_size=16", "data.image_size=[32,48]", "architecture.filters=[4]"]
    settings += ["architecture.dense_units=8", "training.precision=float32"]
    options = [text for setting in settings for text in ("--set", setting)]
    data = ["--data", "photographs", "--name", RUN]
    code, output = on_terminal("run", "directory-cnn", *data, *options, folder=folder, CNNFORGE_LOAD_PLUGINS="")
    assert (code, hostile(output)) == (0, []), output
    shutil.copytree(folder / "runs" / RUN, folder / "runs" / "other\x1b[2J")
    make(folder / "runs", "failed\x1b[31m\nNEW", "failed\x1b[31m", recipe="recipe\x1b[31m\nNEW")
    (folder / "plugin\x1b[31m.py").write_text("raise RuntimeError('\\x1b[31mRED\\nNEW\\u202e')\n")
    return folder


def all_names(folder: Path) -> list[str]:
    """Return the names of everything in a folder."""
    return [path.name for path in folder.rglob("*")]


COMMANDS: dict[str, tuple[list[str], int]] = {
    "data check": (["data", "check", "photographs"], 0),
    "evaluate": (["evaluate", f"runs/{RUN}"], 0),
    "evaluate other data": (["evaluate", f"runs/{RUN}", "--data", "photographs"], 0),
    "evaluate missing": (["evaluate", f"runs/{RUN}", "--data", "elsewhere\x1b[31m\nNEW"], 3),
    "predict": (["predict", f"runs/{RUN}", "photographs"], 0),
    "predict top": (["predict", f"runs/{RUN}", "photographs", "--top", "3"], 0),
    "predict csv": (["predict", f"runs/{RUN}", "photographs", "--csv"], 0),
    "predict json": (["predict", f"runs/{RUN}", "photographs", "--json"], 0),
    "predict missing": (["predict", f"runs/{RUN}", "\x1b[31m\nNEW.jpg"], 3),
    "runs": (["runs"], 0),
    "runs json": (["runs", "--json"], 0),
    "runs nowhere": (["runs", "--runs-dir", "\x1b[31mx"], 0),
    "prune": (["runs", "prune", "--unfinished", "--yes"], 0),
    "compare": (["compare", f"runs/{RUN}", "runs/other\x1b[2J"], 0),
    "explain": (["explain", f"runs/{RUN}", f"photographs/{CLASSES[0]}/{NAMES[1]}1.jpg"], 0),
    "export": (["export", f"runs/{RUN}", "--format", "keras"], 0),
    "list": (["list", "--plugin", "plugin\x1b[31m.py"], 0),
    "plugins": (["plugins", "--plugin", "plugin\x1b[31m.py"], 0),
    "show": (["show", "\x1b[31m\nNEW"], 2),
    "unknown command": (["\x1b[31m\nNEW\u202e"], 2),
    "unknown option": (["runs", "--\x1b[31m\nNEW\u202e"], 2),
    "recipe value": (["run", "directory-cnn", "--set", "training.loss=\x1b[31m\nNEW"], 2),
    "recipe file": (["run", "recipe\x1b[31m.toml"], 2),
    "tune": (["tune", "directory-cnn", "--data", "\x1b[31m\nNEW"], 3),
    "traceback": (["run", "\x1b[31m\nNEW", "--traceback"], 2),
}  # fmt: skip


@pytest.mark.parametrize(("arguments", "code"), COMMANDS.values(), ids=COMMANDS)
def test_nothing_that_a_terminal_obeys_reaches_it(folder: Path, arguments: list[str], code: int) -> None:
    found, output = on_terminal(*arguments, folder=folder)
    assert (found, hostile(output)) == (code, []), output


def test_a_plugin_cannot_forget_it(tmp_path: Path) -> None:
    """Whatever a command of a plugin prints, by whatever means."""
    (tmp_path / "plugin.py").write_text(
        textwrap.dedent("""
            import sys, typer, warnings, cnnforge
            def command() -> None:
                hostile = "\\x1b]0;TITLE\\x07\\x1b[31mRED\\u202e"
                print(hostile)
                typer.echo(hostile, err=True)
                typer.secho(hostile)
                sys.stdout.writelines([hostile])
                print(hostile, file=sys.stderr)
                warnings.warn(hostile)
                raise RuntimeError(hostile)
            @cnnforge.hookimpl
            def cnnforge_commands(): return [cnnforge.CommandSpec(name="say", summary="s", app=f"{__name__}:command")]
        """)
    )
    code, output = on_terminal("say", "--plugin", "plugin.py", "--traceback", folder=tmp_path)
    assert (code, hostile(output)) == (1, []), output
    assert output.count("\\x1b]0;TITLE\\x07") >= 7, output


def test_programs_get_the_exact_names_and_spreadsheets_no_formula(folder: Path, process: Callable[..., object]) -> None:
    (run,) = (path for path in (folder / "runs").iterdir() if path.name == RUN)
    raw = (run / "predictions.csv").read_text(encoding="utf-8")
    assert not re.search(r'(?:^|,)"?[=+\-@\t]', raw.replace("\n", " "))
    names = {f"{CLASSES[label]}/{NAMES[n % 8]}{n}.jpg" for label in range(3) for n in range(20)}
    assert set(read_predictions(run / "predictions.csv", "test").names) <= names
    assert read_predictions(run / "predictions.csv", "test").class_names == sorted(map(seen_name, CLASSES))
    done = process("predict", str(run), str(folder / "photographs"), "--json")
    shown = {row["name"] for row in json.loads(done.stdout)}  # type: ignore[attr-defined]
    assert {name.partition("photographs/")[2] for name in shown} == names
