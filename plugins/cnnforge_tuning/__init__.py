"""Searching better settings with Keras Tuner: command ``tune``, its sections and oracles, the executor ``local``."""

from __future__ import annotations

from collections.abc import Iterator

import cnnforge
from cnnforge_tuning.settings import ExecutorOptions, LocalOptions, TuningOptions


@cnnforge.hookimpl
def cnnforge_commands() -> Iterator[cnnforge.CommandSpec]:
    """Bring the command."""
    yield cnnforge.CommandSpec(
        name="tune",
        summary="Search better settings of a recipe with Keras Tuner.",
        app="cnnforge_tuning.command:tune",
        function="cnnforge_tuning.interface:tune",
    )


@cnnforge.hookimpl
def cnnforge_settings() -> Iterator[cnnforge.SettingsSpec]:
    """Bring the two sections."""
    yield cnnforge.SettingsSpec(
        section="tuning",
        options=TuningOptions,
        check="cnnforge_tuning.ranges:check",
        describe="cnnforge_tuning.space:shown",
    )
    yield cnnforge.SettingsSpec(section="executor", options=ExecutorOptions)


@cnnforge.hookimpl
def cnnforge_search_algorithms() -> Iterator[cnnforge.SearchAlgorithmSpec]:
    """Bring Keras Tuner's four oracles."""
    yield cnnforge.SearchAlgorithmSpec(
        name="random",
        summary="Configurations drawn at random, none twice",
        oracle="cnnforge_tuning.oracles:random",
        accepts_trials=True,
    )
    yield cnnforge.SearchAlgorithmSpec(
        name="bayesian",
        summary="A Gaussian process over the trials so far proposes the next one",
        oracle="cnnforge_tuning.oracles:bayesian",
        accepts_trials=True,
    )
    yield cnnforge.SearchAlgorithmSpec(
        name="grid",
        summary="Every configuration in turn",
        oracle="cnnforge_tuning.oracles:grid",
    )
    yield cnnforge.SearchAlgorithmSpec(
        name="hyperband",
        summary="Many short trials, of which the better ones go on",
        oracle="cnnforge_tuning.oracles:hyperband",
        rounds="cnnforge_tuning.oracles:hyperband_rounds",
    )


@cnnforge.hookimpl
def cnnforge_executors() -> Iterator[cnnforge.ExecutorSpec]:
    """Bring the executor."""
    yield cnnforge.ExecutorSpec(
        name="local",
        summary="Processes on this machine, each with its share of the cores or a GPU of its own",
        start="cnnforge_tuning.local:start",
        options=LocalOptions,
    )
