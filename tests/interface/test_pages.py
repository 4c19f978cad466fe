"""The examples of the pages on Python, executed one after the other as a reader would."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from cnnforge.testing.images import write_tiny_images

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("reference/python.md", "guides/coming-from-keras.md")


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_of_a_page_work(page: str, tmp_path: Path) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    examples = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    write_tiny_images(tmp_path / "flowers")
    names = sorted(path.relative_to(tmp_path / "flowers") for path in (tmp_path / "flowers").rglob("*.png"))
    rows = [f"{name.as_posix()},{name.parent.name}" for name in names]
    (tmp_path / "labels.csv").write_text("\n".join(["name,label", *rows]) + "\n")
    (tmp_path / "page.py").write_text("if __name__ == '__main__':\n" + indented("\n\n".join(examples)))
    done = subprocess.run([sys.executable, "page.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


def indented(code: str) -> str:
    return "".join(f"    {line}\n" if line else "\n" for line in code.split("\n"))
