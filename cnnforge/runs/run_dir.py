"""The run directory: the name of every file in it, and what is known of the run before it starts."""

from __future__ import annotations

import datetime
import os
import platform
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from cnnforge.errors import BusyError, RecipeError, did_you_mean
from cnnforge.host.registry import Entry
from cnnforge.recipe.resolving import ResolvedRecipe
from cnnforge.system import files

_RECORDED_PACKAGES = ("cnnforge", "tensorflow", "jax", "keras", "numpy", "pillow", "pluggy", "pydantic")


@dataclass(frozen=True, slots=True)
class EvaluationDir:
    """A folder with an evaluation in it, and the paths of its files."""

    path: Path

    @property
    def evaluation(self) -> Path:
        """Measures on the evaluated images, JSON."""
        return self.path / "evaluation.json"

    @property
    def predictions(self) -> Path:
        """Prediction for each evaluated image, CSV."""
        return self.path / "predictions.csv"

    @property
    def mistakes(self) -> Path:
        """Folder of the photographs that were most confidently wrong."""
        return self.path / "mistakes"

    def read_evaluation(self) -> dict[str, Any]:
        """Return the content of ``evaluation.json``."""
        return files.read_json(self.evaluation)


@dataclass(frozen=True, slots=True)
class RunDir(EvaluationDir):
    """A run directory and the paths in it; the evaluation that ended the run lies in the folder itself."""

    @property
    def recipe(self) -> Path:
        """The complete recipe, TOML."""
        return self.path / "recipe.toml"

    @property
    def run(self) -> Path:
        """Provenance and outcome, JSON."""
        return self.path / "run.json"

    @property
    def manifest(self) -> Path:
        """Every image seen, one JSON object a line."""
        return self.path / "manifest.jsonl"

    @property
    def metrics(self) -> Path:
        """Metrics of each epoch, one JSON object a line."""
        return self.path / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        """Folder of the best weights and of what a resumed run goes on from."""
        return self.path / "checkpoints"

    @property
    def best_weights(self) -> Path:
        """Weights of the best epoch, as ``run.json`` names them; no such file while there are none."""
        weights = self.read_run().get("weights") if self.run.is_file() else None
        return self.checkpoints / Path(str(weights.get("file", "best")) if isinstance(weights, dict) else "best").name

    @property
    def model(self) -> Path:
        """The trained model with the best weights, Keras format."""
        return self.path / "model.keras"

    @property
    def evaluations(self) -> Path:
        """Folder of later evaluations, a folder each."""
        return self.path / "evaluations"

    @property
    def examples(self) -> Path:
        """The most doubtful photographs, Grad-CAM pictures and suspected label errors, JSON."""
        return self.path / "examples.json"

    @property
    def examples_dir(self) -> Path:
        """Folder of the pictures that ``examples.json`` names."""
        return self.path / "examples"

    @property
    def explanations(self) -> Path:
        """Folder of what ``cnnforge explain`` made, a folder each."""
        return self.path / "explanations"

    @property
    def augmentation(self) -> Path:
        """A sheet of training images as augmentation varies them, if it does."""
        return self.path / "augmentation.jpg"

    @property
    def reproduction(self) -> Path:
        """How this run compares with the one from whose record it was trained, JSON, if there is one."""
        return self.path / "reproduction.json"

    @property
    def report(self) -> Path:
        """The report, one self-contained HTML file."""
        return self.path / "report.html"

    @property
    def model_card(self) -> Path:
        """The model card, Markdown."""
        return self.path / "model_card.md"

    @property
    def exports(self) -> Path:
        """Folder of what ``cnnforge export`` wrote."""
        return self.path / "exports"

    @property
    def log(self) -> Path:
        """What the libraries logged."""
        return self.path / "log.txt"

    @property
    def lock(self) -> Path:
        """Held by the process that writes into the folder; empty."""
        return self.path / "run.lock"

    def read_run(self) -> dict[str, Any]:
        """Return the content of ``run.json``.

        Raises:
            StorageError: It is damaged.
        """
        return files.read_json(self.run)

    def update_run(self, **values: Any) -> None:
        """Add facts to ``run.json``."""
        with files.storage_errors(self.run):
            files.write_json(self.run, {**self.read_run(), **values})


@dataclass(frozen=True, slots=True)
class Run:
    """What hooks are told of a run: the run's folder and its complete recipe.

    ``accept_changes``: whether a resumed run goes on where the data are no longer the same.
    """

    directory: RunDir
    resolved: ResolvedRecipe
    accept_changes: bool = False


def create(resolved: ResolvedRecipe, runs_dir: Path, name: str | None = None, *, tag: str = "") -> RunDir:
    """Make a new run directory with ``recipe.toml`` and ``run.json`` in it.

    Args:
        resolved: The recipe; written completely, so that it reproduces the run by itself.
        runs_dir: Parent folder, made if missing.
        name: Name of the folder; default: time, recipe, tag and a short random id.
        tag: What kind of images these are, where it must not be overlooked.

    Raises:
        RecipeError: The folder exists already (runs are never overwritten), or ``name`` is no name of a folder.
        StorageError: It cannot be made.
    """
    if name is not None and (name in {"", ".", ".."} or any(c in name for c in "/\\\0")):
        raise RecipeError(
            f"expected the name of a folder, received --name {name!r}", hint="--runs-dir says where it goes"
        )
    run_dir = RunDir(Path(runs_dir) / (name or default_name(resolved.recipe.name, tag)))
    with files.storage_errors(run_dir.path):
        if run_dir.path.exists():
            raise RecipeError(
                f"expected a new run directory, received {run_dir.path}, which exists already",
                hint=f"choose another --name, or go on with it: cnnforge run --resume {run_dir.path}",
            )
        # Filled beside and renamed, so that a run killed this moment leaves nothing that cannot be resumed.
        new = RunDir(run_dir.path.with_name(f".{run_dir.path.name}-{secrets.token_hex(4)}"))
        new.path.mkdir(parents=True)
        try:
            files.write_text(new.recipe, resolved.recipe.to_toml())
            files.write_json(new.run, provenance(resolved))
            new.path.rename(run_dir.path)
        finally:
            shutil.rmtree(new.path, ignore_errors=True)  # gone, unless something failed
    return run_dir


@contextmanager
def held(run_dir: RunDir) -> Iterator[None]:
    """Keep every other process from writing into a run directory; the lock of a process that died is free.

    Raises:
        BusyError: Another process holds it.
        StorageError: The folder cannot be written to.
    """
    import filelock

    lock = filelock.FileLock(run_dir.lock, timeout=0)
    with files.storage_errors(run_dir.lock):
        try:
            lock.acquire()
        except filelock.Timeout:
            owner = run_dir.read_run().get("process", {})
            raise BusyError(
                f"expected a run directory that nobody writes into, received {run_dir.path}, which process"
                f" {owner.get('pid')} on {owner.get('host')} is writing into",
                hint="wait until it is done, or stop it; it saves first",
            ) from None
    try:
        run_dir.update_run(process={"pid": os.getpid(), "host": socket.gethostname()})
        yield
    finally:
        lock.release()


def find(reference: str, runs_dir: Path = Path("runs")) -> RunDir:
    """Return the run directory that a path, or a name below ``runs_dir``, stands for.

    Raises:
        RecipeError: There is none.
    """
    for path in (files.expanded(reference), runs_dir / reference):
        if RunDir(path).run.is_file():
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


def default_name(recipe_name: str, tag: str = "") -> str:
    """Return ``<timestamp>-<recipe>[-<tag>]-<short id>``."""
    parts = [f"{datetime.datetime.now():%Y%m%d-%H%M%S}", recipe_name, tag, secrets.token_hex(2)]
    return "-".join(part for part in parts if part)


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


def recorded_packages(names: Iterable[str] = _RECORDED_PACKAGES) -> dict[str, str]:
    """Return the versions of those packages that are installed; default: what results depend on."""
    return {name: found for name in names if (found := _version(name))}


def plugin_versions(resolved: ResolvedRecipe) -> dict[str, dict[str, str | None]]:
    """Return name, plugin id and version of the architecture and the data source."""
    entries: dict[str, Entry[Any]] = {"architecture": resolved.architecture, "data_source": resolved.data_source}
    return {
        role: {"name": e.spec.name, "plugin": e.plugin, "version": _version(e.plugin.partition(":")[0])}
        for role, e in entries.items()
    }


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
