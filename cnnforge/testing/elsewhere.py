"""Calling a function in a Python process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

_CALL = """\
import importlib, json, sys
module, _, name = sys.argv[1].partition(":")
getattr(importlib.import_module(module), name)(*json.loads(sys.argv[2]))
"""


def call_elsewhere(function: str, *arguments: Any, **environ: str) -> subprocess.CompletedProcess[str]:
    """Call ``"package.module:function"`` in a new process and return how that ended.

    Args:
        function: What is called; what it prints is the standard output.
        arguments: Its arguments, of types that JSON knows.
        environ: Further environment variables.
    """
    return subprocess.run(
        [sys.executable, "-c", _CALL, function, json.dumps(arguments)],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
