"""What must be known of a run to repeat it, and what the bits of a training depend on besides recipe and data."""

from __future__ import annotations

import datetime
import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from cnnforge.host import Entry, PluginHost
from cnnforge.recipe import ResolvedRecipe
from cnnforge.system import cpu_model, differences, files, num_processors

_RECORDED_PACKAGES = ("cnnforge", "tensorflow", "jax", "keras", "numpy", "pillow", "pillow-heif", "pluggy", "pydantic")
_SWITCHES = ("TF_ENABLE_ONEDNN_OPTS", "TF_DETERMINISTIC_OPS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS",
             "OMP_NUM_THREADS", "XLA_FLAGS", "TF_XLA_FLAGS", "ONEDNN_MAX_CPU_ISA")  # fmt: skip


def now() -> str:
    """Return the time as ``run.json`` has it: UTC, ISO 8601, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def provenance(resolved: ResolvedRecipe) -> dict[str, Any]:
    """Return what must be known to repeat a run: versions, plugins, commit, command, seed, hardware."""
    return {
        "status": "started",
        "started": now(),
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
    hashes = {}
    for file in [info.file for info in host.plugins.values() if info.file is not None]:
        with files.storage_errors(directory):
            (directory / "plugins").mkdir(parents=True, exist_ok=True)
            content = file.read_bytes()
        with files.replacing(directory / "plugins" / file.name) as temporary:
            temporary.write_bytes(content)
        hashes[file.name] = hashlib.sha256(content).hexdigest()
    return hashes


def recorded_packages(names: Iterable[str] = _RECORDED_PACKAGES) -> dict[str, str]:
    """Return the versions of those packages that are installed; default: what results depend on."""
    return {name: installed for name in names if (installed := _version(name))}


def plugin_versions(resolved: ResolvedRecipe) -> dict[str, dict[str, str | None]]:
    """Return name, plugin id and version of the architecture, the data source and further augmentations."""
    entries: dict[str, Entry[Any]] = {"architecture": resolved.architecture, "data_source": resolved.data_source}
    entries |= {f"augmentation {name}": entry for name, entry in resolved.augmentations.items()}
    return {role: {"name": e.spec.name, "plugin": e.plugin, "version": e.version} for role, e in entries.items()}


def conditions(steps: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return the conditions under which this process trains; two that are equal give the same bits on a processor.

    Args:
        steps: What plugins say of how they change the computing of training steps, by plugin id.
    """
    import keras

    return {
        "machine": f"{platform.system()} {platform.machine()}",
        "processor": cpu_model(),
        "processors": num_processors(),
        "backend": keras.backend.backend(),
        "accelerators": _accelerators(),
        "threads": _threads(),
        "python": platform.python_version(),
        "packages": recorded_packages(),
        "switches": {name: os.environ[name] for name in _SWITCHES if name in os.environ},
        "steps": {plugin: list(lines) for plugin, lines in steps.items()},
    }


def changed_conditions(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return a line for each condition that differs; what was not recorded before ``steps`` were is unknown."""
    return differences({"steps": now["steps"], **before} if "steps" in now else before, now)


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _accelerators() -> list[str]:
    import keras

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        return [str(tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)) for gpu in gpus]
    return [device for device in keras.distribution.list_devices() if not device.startswith("cpu")]


def _threads() -> list[int]:
    """Return how many threads TensorFlow was told to use, for one operation and for several; 0 is its own choice."""
    import keras

    if keras.backend.backend() != "tensorflow":
        return []
    import tensorflow as tf

    threading = tf.config.threading
    return [threading.get_intra_op_parallelism_threads(), threading.get_inter_op_parallelism_threads()]


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
