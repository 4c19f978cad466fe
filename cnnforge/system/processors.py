"""The processors of this machine: how many, which, and what they can do."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path


def num_processors() -> int:
    """Return the number of processors this process may run on, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_flags() -> frozenset[str]:
    """Return the names of the instruction sets that the processor has, as the system writes them."""
    return frozenset(_cpu_line("flags").split() + _cpu_line("Features").split())


def cpu_model() -> str:
    """Return the name of the processor."""
    return _cpu_line("model name") or platform.processor()


def _cpu_line(name: str) -> str:
    """Return the value of the first line of that name in what the system says of its processors."""
    try:
        if platform.system() == "Darwin":
            return _macos_cpu_line(name)
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except (OSError, subprocess.SubprocessError):
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == name), "")


def _macos_cpu_line(name: str) -> str:
    keys = {"flags": "hw.optional.arm.FEAT_BF16", "model name": "machdep.cpu.brand_string"}
    if name not in keys:
        return ""
    value = subprocess.run(["sysctl", "-n", keys[name]], capture_output=True, text=True, check=True).stdout.strip()
    return ("bf16" if value == "1" else "") if name == "flags" else value
