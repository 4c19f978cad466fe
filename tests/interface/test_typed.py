"""A user's script that uses everything passes ``mypy --strict``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def checked(script: Path) -> subprocess.CompletedProcess[str]:
    code = "from mypy.__main__ import console_entry; console_entry()"
    command = [sys.executable, "-c", code, "--strict", str(script)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_types_reach_the_user(tmp_path: Path) -> None:
    script = ROOT / "tests" / "interface" / "users_script.py"
    done = checked(script)
    assert done.returncode == 0, done.stdout
    wrong = script.read_text(encoding="utf-8").replace("labels: list[str]", "labels: list[int]")
    (tmp_path / "wrong.py").write_text(wrong, encoding="utf-8")
    assert 'expression has type "list[str]"' in checked(tmp_path / "wrong.py").stdout
