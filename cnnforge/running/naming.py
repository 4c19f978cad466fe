"""Making run directories and finding them again."""

from __future__ import annotations

import contextlib
import datetime
import secrets
from pathlib import Path

from cnnforge.errors import RecipeError, did_you_mean
from cnnforge.host import PluginHost
from cnnforge.recipe import ResolvedRecipe
from cnnforge.running.recording import provenance, record_plugin_files
from cnnforge.running.run_dir import RunDir
from cnnforge.system import files


def create_run_dir(
    resolved: ResolvedRecipe, runs_dir: Path, name: str | None = None, *, tag: str = "", host: PluginHost | None = None
) -> RunDir:
    """Make a new run directory with ``recipe.toml`` and ``run.json`` in it.

    Args:
        resolved: The recipe; written completely, so that it reproduces the run by itself.
        runs_dir: Parent folder, made if missing.
        name: Name of the folder; default: time, recipe, tag and a short random id.
        tag: What kind of images these are, where it must not be overlooked.
        host: The plugins: those that are files are copied into the run directory.

    Raises:
        RecipeError: The folder exists already (runs are never overwritten), or ``name`` is no name of a folder.
        StorageError: It cannot be made.
    """
    if name is not None and (name in {"", ".", ".."} or any(c in name for c in "/\\\0")):
        raise RecipeError(
            f"expected the name of a folder, received --name {name!r}", hint="--runs-dir says where it goes"
        )
    run_dir = RunDir(Path(runs_dir) / (name or default_run_name(resolved.recipe.name, tag)))
    with files.storage_errors(run_dir.path):
        if run_dir.path.exists():
            raise RecipeError(
                f"expected a new run directory, received {run_dir.path}, which exists already",
                hint=f"choose another --name, or go on with it: cnnforge run --resume {run_dir.path}",
            )
        # Whole at once, so that a run killed this moment leaves nothing that cannot be resumed.
        with files.new_folder(run_dir.path) as folder:
            files.write_text(RunDir(folder).recipe, resolved.recipe.to_toml())
            kept = record_plugin_files(folder, host) if host is not None else {}
            files.write_json(RunDir(folder).run_json, provenance(resolved) | ({"plugin_files": kept} if kept else {}))
    return run_dir


def find_run(reference: str, runs_dir: Path = Path("runs")) -> RunDir:
    """Return the run directory that a path, or a name below ``runs_dir``, stands for.

    Raises:
        RecipeError: There is none.
    """
    for path in (files.expanded(reference), runs_dir / reference):
        with contextlib.suppress(OSError):  # it may not be looked into, or its links lead nowhere
            if RunDir(path).run_json.is_file():
                return RunDir(path)
    if reference.endswith(".keras"):
        raise RecipeError(
            f"expected a run directory, received the model file {reference}, which knows neither classes nor recipe",
            hint=f"give the folder of its run: {Path(reference).parent}; to train somebody else's model further, see"
            " “From a model file” in the guide on architectures",
        )
    known = sorted(path.parent.name for path in runs_dir.glob("[!.]*/run.json"))
    raise RecipeError(
        f"expected a run directory with run.json in it, received {reference}.{did_you_mean(reference, known)}",
        hint=f"`cnnforge run` prints where it writes; {runs_dir} has {len(known)} runs",
    )


def default_run_name(recipe_name: str, tag: str = "") -> str:
    """Return ``<timestamp>-<recipe>[-<tag>]-<short id>``."""
    parts = [f"{datetime.datetime.now():%Y%m%d-%H%M%S}", recipe_name, tag, secrets.token_hex(2)]
    return "-".join(part for part in parts if part)
