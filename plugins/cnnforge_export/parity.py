"""The parity gate: an exported model must say what the network says, in its own runtime.

The consumer's script that is shipped with the model classifies files in a process of its own, which knows nothing of
CNNForge; what it prints is compared with the probabilities of the run's predictor.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cnnforge.errors import ExportError

SCRIPT = "classify.py"
_HINT = "a script that decodes files takes read_photograph of photographs.py, which lies beside it"
_FILES_A_PROCESS = 500  # command lines have a limit


@dataclass(frozen=True, slots=True)
class Parity:
    """How far an exported model is from the network.

    Args:
        checked: What the model was given.
        num_images: How many.
        max_difference: The largest difference of a probability.
        worst_image: The file with that difference.
        num_other_class: Images whose most probable class differs. Those do not count on which two classes are as
            probable as makes no difference within ``tolerance``.
        other_class: The first of them.
        tolerance: The largest difference allowed; None where only classes are compared.
    """

    checked: str
    num_images: int
    max_difference: float
    worst_image: str
    num_other_class: int
    other_class: str
    tolerance: float | None

    def require(self) -> None:
        """Refuse a model that differs.

        Raises:
            ExportError: The classes or the probabilities are not the same.
        """
        if self.num_other_class:
            raise ExportError(
                f"expected the exported model to give every golden image its class, received another for"
                f" {self.num_other_class} of {self.num_images} ({self.checked}), such as {self.other_class}",
                hint=_HINT,
            )
        if self.tolerance is not None and not self.max_difference <= self.tolerance:
            raise ExportError(
                f"expected probabilities within {self.tolerance:g} of the network's ({self.checked}), received a"
                f" difference of {self.max_difference:.3g} for {self.worst_image}",
                hint=_HINT,
            )


def compare(
    checked: str, images: Sequence[str], found: np.ndarray, expected: np.ndarray, tolerance: float | None
) -> Parity:
    """Return how far probabilities are from those expected, both of shape (images, classes)."""
    differences = np.abs(found - expected).max(axis=1)
    differences[np.isnan(differences)] = np.inf
    worst = int(differences.argmax())
    ordered = np.sort(expected, axis=1)
    is_decided = ordered[:, -1] - ordered[:, -2] > 2 * (tolerance or 0)
    others = np.flatnonzero(is_decided & (found.argmax(axis=1) != expected.argmax(axis=1)))
    other_class = images[others[0]] if len(others) else ""
    return Parity(checked, len(images), float(differences[worst]), images[worst], len(others), other_class, tolerance)


def classify(folder: Path, images: Sequence[str], *options: str) -> np.ndarray:
    """Return the probabilities that the consumer's script of an export prints, shape (images, classes).

    Args:
        folder: Of the export.
        images: Files, relative to the folder or absolute.
        options: For the script, before the files.

    Raises:
        ExportError: The script fails, or does not answer for each file.
    """
    parts = [images[start : start + _FILES_A_PROCESS] for start in range(0, len(images), _FILES_A_PROCESS)]
    return np.concatenate([_classify(folder, part, options) for part in parts])


def _classify(folder: Path, images: Sequence[str], options: Sequence[str]) -> np.ndarray:
    done = subprocess.run(
        [sys.executable, SCRIPT, *options, *images],
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        env={**os.environ, "PYTHONUTF8": "1"},
    )
    rows = list(csv.reader(done.stdout.splitlines()))[1:]
    if done.returncode or [row[0] for row in rows] != list(images):
        reason = done.stderr.strip().splitlines()[-1:] or ["it printed no line for some files"]
        raise ExportError(f"the exported model cannot be run in its own runtime: {reason[0][:300]}", hint=_HINT)
    return np.array([row[2:] for row in rows], np.float32)
