"""Going on with a run that was interrupted: only as the same run, unless its user accepts what is different."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from cnnforge.recipe import Recipe, ResolvedRecipe
from cnnforge.running.checkpoints import Checkpoint, newest_checkpoint, newest_checkpoint_facts
from cnnforge.running.recording import changed_conditions, now, plugin_versions
from cnnforge.running.run_dir import RunDir
from cnnforge.system import Reporter, differences, files, refuse_differences

_FREE = ("checkpoint_minutes", "checkpoint_steps")  # of [training]: no result depends on them


def identity(resolved: ResolvedRecipe) -> dict[str, Any]:
    """Return what a checkpoint belongs to: the recipe's settings and the plugins that build network and data."""
    return {"recipe": _settings_that_count(resolved.recipe), "plugins": plugin_versions(resolved)}


def changes(directory: RunDir, resolved: ResolvedRecipe) -> list[str]:
    """Return a line for each difference between a recipe and its plugins and those of the newest checkpoint."""
    facts = newest_checkpoint_facts(directory.checkpoints)
    if not facts:
        return []
    before = dict(facts["identity"])
    with suppress(ValidationError):  # one that no version wrote differs as it stands
        # An older version may not have known a setting: then it did what the default says.
        before["recipe"] = _settings_that_count(Recipe.model_validate(before["recipe"]))
    return differences(before, identity(resolved))


def _settings_that_count(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe without settings on which no result of the run depends, such as the sections of plugins."""
    sections = recipe.model_dump(mode="json", exclude_none=True, include=set(Recipe.model_fields))
    sections["training"] = {name: value for name, value in sections["training"].items() if name not in _FREE}
    return sections


def reopen(directory: RunDir, resolved: ResolvedRecipe, *, accept_changes: bool = False) -> None:
    """Make a run directory ready to be gone on with by :func:`cnnforge.running.execute`; the caller holds it.

    Args:
        directory: The run.
        resolved: Its recipe, as it is now.
        accept_changes: Whether to go on although recipe or plugins differ from those of the newest checkpoint.

    Raises:
        RecipeError: They differ; the message says in what.
        StorageError: The folder cannot be written to.
    """
    if not accept_changes:
        hint = "put it back as it was, start a new run, or go on with what it is now: --accept-changes"
        refuse_differences(f"the run {directory.path}", changes(directory, resolved), hint)
    for folder in (directory.path, directory.checkpoints):
        files.remove_leftovers(folder)
    files.write_text(directory.recipe, resolved.recipe.to_toml())
    directory.update_run(status="started", error=None, finished=None)


def checkpoint_to_resume(directory: RunDir, conditions: Mapping[str, Any], reporter: Reporter) -> Checkpoint | None:
    """Return the checkpoint to go on from, None to begin; say and note so, and whether the bits can still be the same.

    Args:
        directory: The run.
        conditions: Those of this process.
        reporter: Told where training goes on.
    """
    with files.storage_errors(directory.checkpoints):
        directory.checkpoints.mkdir(exist_ok=True)
    checkpoint = newest_checkpoint(directory.checkpoints, reporter.warn)
    if checkpoint is None:
        return None
    changed = changed_conditions(checkpoint.facts["conditions"], conditions)
    changed += ["accelerators sum in no fixed order"] if conditions["accelerators"] else []
    resume = {
        "resumed": now(),
        "epoch": checkpoint.epoch,
        "batch": checkpoint.batch,
        "conditions_changed": changed,
    }
    directory.update_run(resumes=[*directory.read_run().get("resumes", []), resume])
    reporter.say(f"Resume   after {checkpoint.epoch} epochs and {checkpoint.batch} batches")
    if changed:
        reporter.warn(f"the result will not be equal to the last bit: {'; '.join(changed)}")
    return checkpoint


def is_finished(directory: RunDir, resolved: ResolvedRecipe) -> bool:
    """Return whether nothing is left to do: the run is finished, and its recipe is the one it was trained with."""
    return directory.read_run().get("status") == "finished" and not changes(directory, resolved)
