"""Searching better settings with Keras Tuner: command ``tune``, its sections and oracles, the executor ``local``."""

from __future__ import annotations

from collections.abc import Iterator

import cnnforge
from cnnforge_tuning.settings import ExecutorOptions, LocalOptions, TuningOptions

_ORACLES = {
    "bayesian": "A Gaussian process over the trials so far proposes the next one",
    "grid": "Every configuration in turn",
    "hyperband": "Many short trials, of which the better ones go on",
    "random": "Configurations drawn at random, none twice",
}


@cnnforge.hookimpl
def cnnforge_commands() -> Iterator[cnnforge.CommandSpec]:
    """Bring the command."""
    yield cnnforge.CommandSpec(
        name="tune",
        summary="Search better settings of a recipe with Keras Tuner.",
        app="cnnforge_tuning.command:tune",
    )


@cnnforge.hookimpl
def cnnforge_settings() -> Iterator[cnnforge.SettingsSpec]:
    """Bring the two sections."""
    yield cnnforge.SettingsSpec(
        section="tuning",
        options=TuningOptions,
        check="cnnforge_tuning.ranges:check",
        describe="cnnforge_tuning.describe:describe",
    )
    yield cnnforge.SettingsSpec(section="executor", options=ExecutorOptions)


@cnnforge.hookimpl
def cnnforge_search_algorithms() -> Iterator[cnnforge.SearchAlgorithmSpec]:
    """Bring Keras Tuner's four oracles."""
    for name, summary in _ORACLES.items():
        yield cnnforge.SearchAlgorithmSpec(name=name, summary=summary, oracle=f"cnnforge_tuning.oracles:{name}")


@cnnforge.hookimpl
def cnnforge_executors() -> Iterator[cnnforge.ExecutorSpec]:
    """Bring the executor."""
    yield cnnforge.ExecutorSpec(
        name="local",
        summary="Processes on this machine, each with its share of the cores or a GPU of its own",
        start="cnnforge_tuning.local:start",
        options=LocalOptions,
    )
