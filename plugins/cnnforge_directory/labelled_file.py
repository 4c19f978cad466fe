"""One image with its class, and the layout that messages show."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from typing import NamedTuple

LAYOUT = """Expected layout, in a folder or a zip archive, with a folder for each class:
  cat/1.jpg
  cat/2.jpg
  dog/1.jpg
or the same below train, validation and test."""


class LabelledFile(NamedTuple):
    """The name of an image file, its class, and its split where that is fixed."""

    name: str
    class_name: str
    split: str | None = None


def classes_option(names: Iterable[str]) -> str:
    """Return the option that says which classes there are, as it is pasted into a shell."""
    return f"--set {shlex.quote(f'data.classes={json.dumps(list(names), ensure_ascii=False)}')}"
