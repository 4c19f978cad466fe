"""What networks are built from, kept by its hash in a folder of the user's.

Only what somebody gave on this machine is there, so only that is ever executed: a run directory that comes from
elsewhere can name what it likes. The file of a run from another machine is taken by naming it (``--plugin``).
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from cnnforge.errors import RecipeError
from cnnforge.host import FILES_SWITCH, Options
from cnnforge.system import data_dir, files

SUFFIXES = (".py", ".keras")


def keep(content: bytes, suffix: str) -> str:
    """Keep a file's content and return its SHA-256.

    Raises:
        StorageError: It cannot be written.
    """
    sha256 = hashlib.sha256(content).hexdigest()
    path = _path(sha256, suffix)
    if not path.is_file():
        with files.storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        with files.replacing(path) as temporary:
            temporary.write_bytes(content)
    return sha256


def find(sha256: str, suffix: str, given_by: str) -> Path:
    """Return the file that was kept.

    Args:
        sha256: Of its content.
        suffix: Of its name.
        given_by: How such a network is given, for the message.

    Raises:
        RecipeError: Nobody has given it on this machine.
    """
    named = [Path(name) for name in os.environ.get(FILES_SWITCH, "").split(os.pathsep) if name.endswith(suffix)]
    for path in [_path(sha256, suffix), *named]:
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256:
            return path
    if not sha256:
        raise RecipeError(f"expected a network of one's own, received none: give it with {given_by}")
    raise RecipeError(
        f"expected the code of a network that was given on this machine, received architecture.sha256={sha256:.12}…",
        hint="if you trust who made the run, name the file that it keeps: --plugin RUN/network.py",
    )


def copy_to(directory: Path, options: Options) -> None:
    """Copy what a network is built from into a run directory, if it is one of ours."""
    sha256 = getattr(options, "sha256", "")
    for suffix in SUFFIXES:
        source, target = _path(sha256, suffix), directory / f"network{suffix}"
        if sha256 and source.is_file() and not target.exists():
            with files.replacing(target) as temporary:
                temporary.write_bytes(source.read_bytes())


def _path(sha256: str, suffix: str) -> Path:
    return data_dir() / "networks" / f"{sha256}{suffix}"
