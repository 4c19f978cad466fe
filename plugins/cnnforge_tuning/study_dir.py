"""The study directory: the name of every file in it, what the study is, and who is writing into it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cnnforge.errors import BusyError, RecipeError, StorageError
from cnnforge.recipe import ResolvedRecipe
from cnnforge.running import RunDir, plugin_versions
from cnnforge.system import differences, files, refuse_differences
from cnnforge_tuning.space import Hyperparameter

FORMAT_VERSION = 1
_FREE = ("trials", "confirm", "confirm_seeds", "keep", "pruning", "trial_time_limit_seconds")
"""Of ``[tuning]``: they may change from one start of a study to the next."""


@dataclass(frozen=True, slots=True)
class StudyDir:
    """A study directory and the paths in it."""

    path: Path

    @property
    def study(self) -> Path:
        """What is searched, and at the end what was found, JSON."""
        return self.path / "study.json"

    @property
    def recipe(self) -> Path:
        """The recipe that the trials vary, TOML."""
        return self.path / "recipe.toml"

    @property
    def journal(self) -> Path:
        """Every trial asked for and ended, one JSON object a line."""
        return self.path / "journal.jsonl"

    @property
    def trials(self) -> Path:
        """Folder of the trials' run directories."""
        return self.path / "trials"

    @property
    def confirmation(self) -> Path:
        """Folder of the run directories on fresh seeds."""
        return self.path / "confirmation"

    @property
    def keras_tuner(self) -> Path:
        """Keras Tuner's own files, for its API."""
        return self.path / "keras_tuner"

    @property
    def tensorboard(self) -> Path:
        """Logs for TensorBoard."""
        return self.path / "tensorboard"

    @property
    def best(self) -> Path:
        """The recipe of the best configuration, TOML."""
        return self.path / "best.toml"

    @property
    def table(self) -> Path:
        """All trials, CSV."""
        return self.path / "trials.csv"

    @property
    def page(self) -> Path:
        """What was found, one self-contained HTML file."""
        return self.path / "study.html"

    def exists(self) -> bool:
        """Return whether the study has been begun."""
        return self.study.exists()

    def trial(self, trial_id: str) -> RunDir:
        """Return the run directory of a trial."""
        return RunDir(self.trials / trial_id)

    def read(self) -> dict[str, Any]:
        """Return the content of ``study.json``.

        Raises:
            StorageError: It is damaged, or a newer cnnforge wrote it.
        """
        content = files.read_json(self.study)
        if content.get("format", 0) > FORMAT_VERSION:
            raise StorageError(
                f"expected a study of format at most {FORMAT_VERSION}, received {self.study} of"
                f" format={content['format']}",
                hint="it was written by a newer cnnforge: upgrade cnnforge",
            )
        return content

    def update(self, **values: Any) -> None:
        """Add facts to ``study.json``."""
        known = self.read() if self.study.exists() else {"format": FORMAT_VERSION}
        files.write_json(self.study, {**known, **values})


@contextmanager
def held(study: StudyDir) -> Iterator[None]:
    """Keep every other process from writing into a study directory; the lock of a process that died is free.

    Raises:
        BusyError: Another process holds it.
        StorageError: The folder cannot be written to.
    """
    import filelock

    lock = filelock.FileLock(study.path / "study.lock", timeout=0)
    with files.storage_errors(study.path):
        study.path.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except filelock.Timeout:
            raise BusyError(
                f"expected a study that nobody is writing into, received {study.path}",
                hint="wait until the other `cnnforge tune` is done, or choose another --name",
            ) from None
    try:
        yield
    finally:
        lock.release()


def identity(resolved: ResolvedRecipe, space: Sequence[Hyperparameter], fingerprint: str) -> dict[str, Any]:
    """Return what makes two studies the same, in words that a difference can be told with."""
    values = resolved.recipe.model_dump(mode="json", exclude_none=True)
    tuning = {name: value for name, value in values["tuning"].items() if name not in (*_FREE, "search", "space")}
    recipe = {section: values[section] for section in ("data", "architecture", "training", "evaluation")}
    recipe["data"].pop("path", None)  # moved photographs are the same photographs
    return {
        "space": {h.name: h.text for h in space},
        "tuning": tuning,
        "recipe": recipe,
        "plugins": plugin_versions(resolved),
        "data": fingerprint,
    }


def changes(study: StudyDir, now: dict[str, Any]) -> list[str]:
    """Return in what the study that exists differs from what it would go on with, in lines."""
    return differences(study.read()["identity"], now)


def as_begun(study: StudyDir, resolved: ResolvedRecipe) -> ResolvedRecipe:
    """Return a recipe in the format that the study was begun in, since that decides how the images are divided."""
    if not study.recipe.is_file():
        return resolved
    begun = tomllib.loads(study.recipe.read_text(encoding="utf-8")).get("format", resolved.recipe.format)
    return replace(resolved, recipe=resolved.recipe.model_copy(update={"format": begun}))


def check_same(study: StudyDir, now: dict[str, Any]) -> None:
    """Compare what the study was started with and what it would go on with.

    Raises:
        RecipeError: They differ; the message says in what.
    """
    hint = "put it back, choose another --name, or start a new study from its finished trials: --fork"
    refuse_differences(f"the study {study.path}", changes(study, now), hint)


def check_settings_same(study: StudyDir, resolved: ResolvedRecipe, space: Sequence[Hyperparameter]) -> None:
    """Do what :func:`check_same` does, but for the images, before they are read.

    Raises:
        RecipeError: They differ.
    """
    if study.exists():
        check_same(study, identity(resolved, space, study.read()["identity"]["data"]))


def forked(study: StudyDir) -> StudyDir:
    """Return the first free folder beside a study: its name with a number."""
    number = 2
    while (found := StudyDir(study.path.with_name(f"{study.path.name}-{number}"))).path.exists():
        number += 1
    return found


def study_dir(studies_dir: Path, name: str) -> StudyDir:
    """Return the folder of a study.

    Raises:
        RecipeError: ``name`` is no name of a folder.
    """
    if name in {"", ".", ".."} or any(c in name for c in "/\\\0"):
        raise RecipeError(
            f"expected the name of a folder, received --name {name!r}", hint="--studies-dir says where it goes"
        )
    return StudyDir(studies_dir / name)
