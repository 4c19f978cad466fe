"""Measures the figures of reliability and writes the table of ``docs/reliability.md``.

    python -m tests.reliability [--only NUMBER ...] [--seed SEED]

Each figure is measured in a process of its own; the exit code is 1 if one is not what it must be.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from tests.reliability.figure import FIGURES, measure

ORDER = (1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 3)
"""The catalogue comes last: some of its cases are what the other figures measure."""

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=int, nargs="+", choices=FIGURES, default=list(ORDER), metavar="NUMBER")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if len(options.only) == 1:
        is_met = measured(options.only[0], options.seed)
    else:
        alone = [sys.executable, "-m", "tests.reliability", "--seed", str(options.seed), "--only"]
        codes = [subprocess.run([*alone, str(number)], check=False).returncode for number in options.only]
        is_met = not any(codes)
    subprocess.run([sys.executable, "docs/generate.py"], cwd=ROOT, check=True)
    sys.exit(not is_met)


def measured(number: int, seed: int) -> bool:
    """Measure one figure, show it and return whether it is what it must be."""
    asked = FIGURES[number]
    print(f"{number}. {asked.title}", flush=True)
    found = measure(number, seed)
    print(f"   must be    {asked.target}")
    print(f"   CNNForge   {found.ours}{'' if found.is_met else '   NOT MET'}")
    print(f"   otherwise  {found.theirs}")
    print(f"   of         {found.count}", flush=True)
    return found.is_met


if __name__ == "__main__":
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main()
