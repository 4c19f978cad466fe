"""Checkpoints on disk: what there is of them, which is whole, and which is no longer needed.

A checkpoint is ``last-NNNNNN.json``, its manifest, which is written after everything that it names, with the SHA-256
of each. What has no valid manifest is none. So whatever moment a process is killed in, or power fails, the newest
whole checkpoint is on the disk.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnnforge.errors import RecipeError
from cnnforge.system import files

FORMAT_VERSION = 1
_KEPT = 2
_DAMAGED = (OSError, ValueError, TypeError, KeyError, AttributeError)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A whole checkpoint: its manifest's path and content.

    ``epoch`` counts the epochs that are complete, ``batch`` the batches trained of the next one.
    """

    path: Path
    facts: Mapping[str, Any]

    @property
    def epoch(self) -> int:
        """Epochs that are complete."""
        return int(self.facts["epoch"])

    @property
    def batch(self) -> int:
        """Batches trained of the epoch after those."""
        return int(self.facts["batch"])

    @property
    def phase(self) -> int:
        """The part of training it is of: 0, or 1 for fine-tuning."""
        return int(self.facts.get("phase", 0))  # before there was fine-tuning there was one phase

    @property
    def is_stopped(self) -> bool:
        """Whether a callback ended the phase before its last epoch."""
        return bool(self.facts["is_stopped"])

    @property
    def state(self) -> Path:
        """The file of arrays."""
        return self.path.with_suffix(".npz")

    @property
    def files(self) -> dict[str, str]:
        """SHA-256 of every file that belongs to it, by name."""
        return dict(self.facts["files"])


def next_path(folder: Path) -> Path:
    """Return the path of the next manifest; its arrays belong beside it, with the suffix ``.npz``."""
    numbers = [int(path.stem.removeprefix("last-")) for path in _manifests(folder)]
    return folder / f"last-{max(numbers, default=0) + 1:06}.json"


def publish(path: Path, facts: Mapping[str, Any]) -> None:
    """Write the manifest of a checkpoint whose files are all there, and remove what no kept checkpoint needs."""
    facts = {"format": FORMAT_VERSION, **facts}
    files.write_json(path, {"sha256": _digest(facts), "checkpoint": facts}, indent=None)
    remove_old_checkpoints(path.parent)


def newest_checkpoint(folder: Path, warn: Callable[[str], None]) -> Checkpoint | None:
    """Return the newest whole checkpoint, or None.

    Args:
        folder: The run's checkpoints.
        warn: Told of each newer one that is damaged.

    Raises:
        RecipeError: It is of a format that a newer cnnforge wrote.
    """
    for path in _manifests(folder):
        try:
            return _verified(path)
        except _DAMAGED as error:
            warn(f"checkpoint {path} is damaged, so the one before it is taken: {error}")
    return None


def newest_checkpoint_facts(folder: Path) -> Mapping[str, Any]:
    """Return what the newest whole manifest says, its files unseen; empty if there is none."""
    for path in _manifests(folder):
        with contextlib.suppress(*_DAMAGED):
            return _read(path)
    return {}


def remove_old_checkpoints(folder: Path, keep: int = _KEPT) -> None:
    """Delete all checkpoints but the newest, and the weights that none of those names."""
    kept = _manifests(folder)[:keep]
    needed = {path.name for path in kept}
    for path in kept:
        with contextlib.suppress(*_DAMAGED):  # nothing of a damaged one can be used
            needed |= set(_read(path)["files"])
    with files.storage_errors(folder):
        for path in [*folder.glob("last-*"), *folder.glob("best-*")]:
            if path.name not in needed:
                path.unlink(missing_ok=True)


def _manifests(folder: Path) -> list[Path]:
    """Return the manifests, the newest first."""
    return sorted(folder.glob("last-" + "[0-9]" * 6 + ".json"), reverse=True)


def _verified(path: Path) -> Checkpoint:
    facts = _read(path)
    if facts["format"] > FORMAT_VERSION:
        raise RecipeError(
            f"expected a checkpoint of format at most {FORMAT_VERSION}, received {path} of format={facts['format']}",
            hint="it was written by a newer cnnforge: upgrade cnnforge",
        )
    checkpoint = Checkpoint(path, facts)
    for name, expected in checkpoint.files.items():
        if files.sha256(path.with_name(Path(name).name)) != expected:
            raise ValueError(f"{name} is not what was written")
    return checkpoint


def _read(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_text(encoding="utf-8"))
    facts: dict[str, Any] = content["checkpoint"]
    if _digest(facts) != content["sha256"]:
        raise ValueError("its manifest is not what was written")
    return facts


def _digest(facts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
