"""The guides, word for word: a new plugin installs, is listed, runs and passes its tests in a fresh environment."""

from __future__ import annotations

import os
import shlex
import subprocess
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.unit.test_docs import PAGES, fences

pytestmark = pytest.mark.slow

QUICKLY = {
    # What a reader's own environment does over the network, this one has already.
    "pip install": ["--no-deps", "--no-build-isolation", "--quiet", "--disable-pip-version-check"],
    "cnnforge run catsdogs": ["--set", "data.subset=0.06", "--set", "training.epochs=1"],
    "cnnforge run directory-cnn": ["--set", "data.image_size=[32, 32]", "--set", "training.epochs=1"],
    "pytest": ["-q", "-p", "no:cacheprovider"],
}


class Environment:
    """A virtual environment that sees this one's packages, with a folder to work in."""

    def __init__(self, folder: Path) -> None:
        self.work = folder / "work"
        self.work.mkdir()
        venv.create(folder / "venv", with_pip=False, symlinks=os.name != "nt")
        self.bin = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
        scheme = {"base": str(folder / "venv"), "platbase": str(folder / "venv")}
        site_packages = Path(sysconfig.get_path("purelib", "venv", scheme))
        # addsitedir also follows the .pth files of this environment, in which cnnforge itself may be editable.
        line = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
        (site_packages / "parent.pth").write_text(line, encoding="utf-8")

    def type(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run a line as the guide has it, each program with what makes it quick."""
        program, *arguments = shlex.split(line, comments=True)
        extra = next((options for start, options in QUICKLY.items() if line.startswith(start)), [])
        environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
        return subprocess.run(
            [str(self.bin / "python"), "-m", program, *arguments, *extra],
            cwd=self.work,
            env={**environ, "PATH": f"{self.bin}{os.pathsep}{environ['PATH']}"},
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=900,
            check=False,
        )


def lines_of(page: str) -> list[str]:
    """The commands of a guide, in order."""
    return [line for found, block in fences("") if found == page for line in block.splitlines() if line.strip()]


@pytest.mark.slow
@pytest.mark.parametrize("guide", ["write-an-architecture", "write-a-data-source"])
def test_the_guide_works_line_by_line(guide: str, tmp_path: Path, tiny_images: Path) -> None:
    page = f"docs/guides/{guide}.md"
    lines = [line.replace("~/photographs", str(tiny_images)) for line in lines_of(page)]
    assert [line.split()[0] for line in lines].count("cnnforge") >= 3, PAGES[page]
    environment = Environment(tmp_path)
    outcomes = [(line, environment.type(line)) for line in lines]
    assert [(line, done.stdout[-3000:] + done.stderr[-3000:]) for line, done in outcomes if done.returncode] == []
    passed = next(done.stdout for line, done in outcomes if line.startswith("pytest"))
    assert " passed" in passed
    assert " failed" not in passed
