"""`cnnforge serve` as a process of its own, and headless Chromium."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import httpx
import pytest
from playwright.sync_api import Browser, sync_playwright

from cnnforge.running.run_dir import RunDir
from tests.serving import make_run

TOKEN = "token-of-the-tests"


@dataclasses.dataclass
class Served:
    """A server's process; ``errors`` is the file that takes its standard error."""

    process: subprocess.Popen[str]
    url: str
    errors: Path

    @property
    def output(self) -> IO[str]:
        assert self.process.stdout is not None
        return self.process.stdout

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60)


@contextlib.contextmanager
def serving(directory: RunDir, folder: Path, *arguments: str, token: str = "") -> Iterator[Served]:
    """Start the command at a free port and wait until it says where."""
    errors = folder / "errors.txt"
    command = [sys.executable, "-m", "cnnforge", "serve", str(directory.path), "--port", "0", *arguments]
    environ = {**os.environ, "CNNFORGE_TOKEN": token, "PYTHONUNBUFFERED": "1"}
    with (
        errors.open("w", encoding="utf-8") as stderr,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True, env=environ) as process,
    ):
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(3)]  # ends at once if the process does
            found = re.search(r"(http://\S+)/$", lines[1].strip())
            assert found, errors.read_text(encoding="utf-8")
            yield Served(process, found[1], errors)
        finally:
            process.kill()


@pytest.fixture(scope="package")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    return make_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Headless Chromium; the test is skipped where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = os.environ.get("CNNFORGE_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.skip("needs Chromium: apt-get install chromium, or set CNNFORGE_CHROMIUM to its path")
    arguments = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=arguments)
        yield chromium
        chromium.close()
