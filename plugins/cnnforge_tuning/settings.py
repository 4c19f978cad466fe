"""The sections ``[tuning]`` and ``[executor]`` of a recipe."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from pydantic import ConfigDict

import cnnforge
from cnnforge import Field
from cnnforge.recipe import ResolvedRecipe


class Range(cnnforge.Options):
    """Where to search one setting; what is left out stays as the setting's own search space has it."""

    low: Annotated[int | float | None, Field(description="smallest value")] = None
    high: Annotated[int | float | None, Field(description="largest value")] = None
    step: Annotated[int | float | None, Field(gt=0, description="distance of two values")] = None
    log: Annotated[bool | None, Field(description="sample orders of magnitude evenly")] = None
    values: Annotated[tuple[Any, ...] | None, Field(min_length=1, description="these values instead of a range")] = None


class TuningOptions(cnnforge.Options):
    """What ``cnnforge tune`` searches, how, and how it makes sure of what it found."""

    search: Annotated[tuple[str, ...], Field(description="settings to search, such as 'architecture.filters'")] = ()
    space: Annotated[
        dict[str, dict[str, Range]], Field(description="other ranges: [tuning.space.training.learning_rate]")
    ] = {}  # noqa: RUF012 - pydantic copies it
    algorithm: Annotated[str, Field(description="how trials are chosen: `cnnforge list search-algorithms`")] = (
        "bayesian"
    )
    trials: Annotated[int, Field(ge=1, description="configurations to try; hyperband counts its own")] = 20
    objective: Annotated[
        str, Field(description="measure or metric of an epoch to optimise; a trial counts its best")
    ] = "val_accuracy"
    direction: Annotated[
        Literal["auto", "max", "min"],
        Field(description="what is better; 'auto' knows measures, and Keras's metrics and losses"),
    ] = "auto"
    pruning: Annotated[
        Literal["none", "median", "halving"],
        Field(description="stop a trial that is worse than the median of the others, or than the best third"),
    ] = "none"
    trial_time_limit_seconds: Annotated[float | None, Field(gt=0, description="a longer trial has failed")] = None
    confirm: Annotated[int, Field(ge=0, description="best configurations to train again on fresh seeds")] = 2
    confirm_seeds: Annotated[int, Field(ge=1, description="fresh seeds of each")] = 3
    keep: Annotated[int, Field(ge=1, description="best trials whose weights stay on the disk")] = 3
    seed: Annotated[int, Field(ge=0, lt=2**31, description="of the oracle's choices")] = 0


class ExecutorOptions(cnnforge.Options):
    """Where trials run; the executor's own options stand beside the name."""

    model_config = cnnforge.Options.model_config | ConfigDict(extra="allow")

    name: Annotated[str, Field(description="name of the executor")] = "local"


class LocalOptions(cnnforge.Options):
    """Options of ``local``."""

    workers: Annotated[int, Field(ge=1, le=256, description="tasks at a time")] = 1


def tuning_of(resolved: ResolvedRecipe) -> TuningOptions:
    """Return the section ``[tuning]`` of a recipe."""
    return cast("TuningOptions", resolved.settings["tuning"])


def executor_of(resolved: ResolvedRecipe) -> ExecutorOptions:
    """Return the section ``[executor]`` of a recipe."""
    return cast("ExecutorOptions", resolved.settings["executor"])
