"""Ctrl-C before training: nothing is lost by stopping at once, and the run directory says so."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def test_ctrl_c_while_images_are_read_stops_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cnnforge", "run", "catsdogs", "--runs-dir", "runs", "--name", "r"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        log = tmp_path / "runs" / "r" / "log.txt"
        deadline = time.monotonic() + 120
        while not log.exists():  # written when Keras is imported, just before the first image is read
            assert process.poll() is None
            assert time.monotonic() < deadline
            os.sched_yield()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert json.loads((tmp_path / "runs" / "r" / "run.json").read_text(encoding="utf-8"))["status"] == "interrupted"
    assert not (tmp_path / "runs" / "r" / "metrics.jsonl").exists()
