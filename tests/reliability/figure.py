"""The figures: what each is called and must come to, how one is measured, and the file that keeps them."""

from __future__ import annotations

import importlib
import json
import os
import platform
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cnnforge.running.recording import recorded_packages
from cnnforge.system import files

KEPT = Path(__file__).resolve().parents[2] / "docs" / "reliability.json"
"""Figures measured apart are kept here and make one table, in ``docs/reliability.md``."""

_PACKAGES = ("cnnforge", "keras", "keras-tuner", "tensorflow")


@dataclass(frozen=True)
class Asked:
    """A figure: its module in this package, what it is called and what it must come to."""

    module: str
    title: str
    target: str


FIGURES = {
    1: Asked("resume", "a killed and resumed run is equal to the last bit", "100 % of at least 50"),
    2: Asked("writes", "after a fault while writing there is the old file or the new one", "100 % of 200 per file"),
    3: Asked("catalogue", "cases of the catalogue that are tested and pass", "100 % of those that apply"),
    4: Asked("silent", "wrong without a word", "0"),
    5: Asked("skew", "difference between training, predicting and serving", "0; exports within 1e-4"),
    6: Asked("tuning", "searches that survive kills; trials lost and trained twice", "100 % of at least 30; 0; 0"),
    7: Asked("hostile", "payloads run; files outside; good files refused", "0; 0; 0"),
    8: Asked("bombs", "memory and time that a bomb takes", "at most 256 MB and 2 s"),
    9: Asked("cost", "share of time for checkpoints; from SIGTERM to saved and gone", "at most 2 %; 10 s"),
    10: Asked("containment", "commands that work beside eight broken plugins", "100 %"),
    11: Asked("floods", "time and memory that a flood takes; floods named", "at most 2 s and 256 MB; 100 %"),
    12: Asked("senders", "answered beside slow senders; said to be ready; from SIGTERM to gone", "100 %; 100 %; 10 s"),
    13: Asked("storage", "damage to stored pixels that is noticed, said and mended", "100 % of at least 100"),
    14: Asked("names", "commands from which nothing that a terminal obeys reaches it", "100 %"),
}


@dataclass(frozen=True)
class Figure:
    """What was measured.

    Args:
        ours: What CNNForge came to.
        theirs: What the same test of plain Keras, Keras Tuner or pluggy came to.
        count: Of how many.
        is_met: Whether ours is what it must be.
        note: What the figures do not say.
        details: What is worth keeping, by name.
    """

    ours: str
    theirs: str
    count: str
    is_met: bool
    note: str = ""
    details: dict[str, Any] | None = None


def measure(number: int, seed: int) -> Figure:
    """Measure one figure, keep it and return it."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="cnnforge-cache-") as cache:
        os.environ |= {"CNNFORGE_CACHE_DIR": f"{cache}/cache", "CNNFORGE_DATA_DIR": f"{cache}/data"}
        found: Figure = importlib.import_module(f"tests.reliability.{FIGURES[number].module}").measure(seed)
    keep(number, found, seed, time.monotonic() - start)
    return found


def keep(number: int, found: Figure, seed: int, seconds: float) -> None:
    """Write a figure into the file that keeps them."""
    record = {
        "title": FIGURES[number].title,
        "target": FIGURES[number].target,
        **asdict(found),
        "seed": seed,
        "seconds": round(seconds),
        "measured": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.system()}, {os.cpu_count()} processors, Python {platform.python_version()}",
        "packages": ", ".join(f"{name} {version}" for name, version in recorded_packages(_PACKAGES).items()),
    }
    kept = read_kept() | {str(number): record}
    files.write_json(KEPT, dict(sorted(kept.items(), key=lambda item: int(item[0]))))


def read_kept() -> dict[str, Any]:
    """Return the figures that were measured, by number."""
    kept: dict[str, Any] = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    return kept


def share(part: int, whole: int) -> str:
    """Return ``97.5 % (39 of 40)``."""
    return f"{100 * part / whole:.4g} % ({part} of {whole})" if whole else "none"
