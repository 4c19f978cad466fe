"""What must be known of a run to repeat it."""

from __future__ import annotations

import datetime
import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from cnnforge.host import Entry, PluginHost
from cnnforge.recipe import ResolvedRecipe
from cnnforge.system import files

_RECORDED_PACKAGES = ("cnnforge", "tensorflow", "jax", "keras", "numpy", "pillow", "pluggy", "pydantic")


def provenance(resolved: ResolvedRecipe) -> dict[str, Any]:
    """Return what must be known to repeat a run: versions, plugins, commit, command, seed, hardware."""
    return {
        "status": "started",
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "recipe": resolved.recipe.name,
        "argv": sys.argv,
        "seed": resolved.recipe.training.seed,
        "plugins": plugin_versions(resolved),
        "packages": recorded_packages(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "git": _git_commit(),
    }


def record_plugin_files(directory: Path, host: PluginHost) -> dict[str, str]:
    """Copy the files that are plugins into ``plugins/`` of a run directory or study.

    They are there to repeat it with; nothing of them is imported unless ``--plugin`` names it.

    Returns:
        The SHA-256 of each, by its name.

    Raises:
        StorageError: They cannot be written.
    """
    found = [info.file for info in host.plugins.values() if info.file is not None]
    hashes = {}
    for file in found:
        with files.storage_errors(directory):
            (directory / "plugins").mkdir(parents=True, exist_ok=True)
            content = file.read_bytes()
        with files.replacing(directory / "plugins" / file.name) as temporary:
            temporary.write_bytes(content)
        hashes[file.name] = hashlib.sha256(content).hexdigest()
    return hashes


def recorded_packages(names: Iterable[str] = _RECORDED_PACKAGES) -> dict[str, str]:
    """Return the versions of those packages that are installed; default: what results depend on."""
    return {name: found for name in names if (found := _version(name))}


def plugin_versions(resolved: ResolvedRecipe) -> dict[str, dict[str, str | None]]:
    """Return name, plugin id and version of the architecture and the data source."""
    entries: dict[str, Entry[Any]] = {"architecture": resolved.architecture, "data_source": resolved.data_source}
    return {role: {"name": e.spec.name, "plugin": e.plugin, "version": e.version} for role, e in entries.items()}


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _git_commit() -> dict[str, Any] | None:
    """Return the commit of the current folder and whether files differ from it; None outside a repository."""
    try:
        commit = _git("rev-parse", "HEAD")
        return {"commit": commit, "is_dirty": bool(_git("status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.SubprocessError):
        return None


def _git(*arguments: str) -> str:
    finished = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True, timeout=10)
    return finished.stdout.strip()
