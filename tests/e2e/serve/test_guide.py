"""The commands of the guide, typed as they stand there, do what it says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cnnforge.running.run_dir import RunDir
from tests.e2e.serve.conftest import TOKEN, Served, serving
from tests.unit.data.image_cases import JPEG

pytestmark = pytest.mark.slow

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "guides" / "serve.md"
COMMANDS = [
    line for block in re.findall(r"^```sh\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]  # fmt: skip


@pytest.fixture(scope="module")
def open_server(run: RunDir, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(run, tmp_path_factory.mktemp("open"), "--no-log") as found:
        yield found


@pytest.fixture(scope="module")
def closed_server(run: RunDir, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(run, tmp_path_factory.mktemp("closed"), "--no-log", token=TOKEN) as found:
        yield found


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.parametrize("command", COMMANDS)
def test_every_curl_command_works(open_server: Served, closed_server: Served, command: str, tmp_path: Path) -> None:
    (tmp_path / "cat.jpg").write_bytes(JPEG)
    (tmp_path / "notes.txt").write_text("text", encoding="utf-8")
    served = closed_server if "CNNFORGE_TOKEN" in command else open_server
    line = command.replace("http://127.0.0.1:8000", served.url).replace("curl ", "curl -sS --fail-with-body ", 1)
    done = subprocess.run(
        line, shell=True, cwd=tmp_path, capture_output=True, check=True, env={"CNNFORGE_TOKEN": TOKEN}, timeout=60
    )
    if "/predict" in command:
        first = json.loads(done.stdout)["predictions"][0]
        assert first["name"] == ("cat.jpg" if "-F" in command else "")
        assert set(first["probabilities"]) == {"cat", "dog"}
    elif "/explain" in command:
        assert (tmp_path / "evidence.png").read_bytes().startswith(b"\x89PNG")
    else:
        assert done.stdout


def test_the_guide_shows_each_way_to_ask() -> None:
    assert len(COMMANDS) >= 8
    assert all(command.startswith("curl ") for command in COMMANDS)
