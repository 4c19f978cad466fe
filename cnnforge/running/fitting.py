"""Fitting the model of a run, phase by phase, from the beginning or from a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from cnnforge.data import Feed, PreparedData
from cnnforge.errors import TrainingError
from cnnforge.evaluation import EpochMeasures, best_epoch_figures, restored_figures
from cnnforge.host import Registry
from cnnforge.network import compile_model, components
from cnnforge.running.checkpointing import Checkpointing, build_state
from cnnforge.running.checkpoints import Checkpoint
from cnnforge.running.run_dir import Run
from cnnforge.running.steps import RunContext, tell_of_model
from cnnforge.system import Reporter
from cnnforge.training import (
    BestWeights,
    CallbacksFrom,
    MetricsLog,
    Phase,
    ShowProgress,
    StopOnDivergence,
    let_backbone_learn,
    make_feeds,
    phases,
    run_backbone_once,
    with_averages,
    write_augmentation_sheet,
)


def fit(
    context: RunContext,
    model: keras.Model,
    data: PreparedData,
    feeds: dict[str, Feed],
    *,
    facts: Mapping[str, Any],
    start: Checkpoint | None,
) -> None:
    """Train to the end of the last phase, the weights of the best epoch beside the checkpoints.

    Args:
        context: The run.
        model: Compiled for the first phase.
        data: What the feeds of later phases are made of.
        feeds: Those of the first phase, by split.
        facts: Written into every checkpoint.
        start: What to go on from; None begins with the first phase.

    Raises:
        TrainingError: No epoch has a finite loss.
        KeyboardInterrupt: The run was asked to stop, and has saved a checkpoint.
    """
    run, registry, reporter = context.run, context.registry, context.reporter
    directory, training = run.directory, run.resolved.recipe.training
    measures = EpochMeasures(training, registry, data, reporter.warn)
    log = MetricsLog(directory.metrics)
    figures = best_epoch_figures(training, registry)
    best = BestWeights(directory.checkpoints, figures, restored_figures(training, registry))
    to_come = phases(run.resolved)[0 if start is None else start.phase :]
    for phase in to_come:
        if phase.number:
            feeds = make_feeds(phase.resolved, data)
            _begin_fine_tuning(phase, model, feeds["train"], len(data.manifest.class_names), reporter)
            tell_of_model(run, registry, model)
        else:
            write_augmentation_sheet(directory.augmentation, feeds["train"])
        trained, used = run_backbone_once(model, phase.resolved, data, feeds, reporter)
        if trained is not model:
            context.note_seconds("features")
        feed = used["train"]
        build_state(trained, feed)
        log.feed, measures.feed = feed, used.get("validation")
        averages, others = with_averages(trained, _further_callbacks(run, registry, phase))
        batch_size, num_epochs = phase.resolved.recipe.training.batch_size, to_come[-1].last_epoch
        callbacks = [
            StopOnDivergence(),
            *averages,
            measures,
            log,
            best,
            ShowProgress(reporter, len(feed.rows), batch_size, num_epochs),
            *others,
            Checkpointing(
                run,
                phase,
                feed=feed,
                stateful=[*averages, log, best, *others],
                best=best,
                interrupt=context.interrupt,
                facts=facts,
                start=start,
            ),
        ]
        _fit_phase(phase, trained, used, callbacks, start)
        start = None
    context.interrupt.release()
    if not best.weights:
        wanted = training.best or "loss"
        raise TrainingError(f"expected at least one epoch with a finite {wanted}, received none")
    directory.update_run(best_epoch=best.weights["epoch"], **log.summary(phases(run.resolved)))
    context.note_seconds("training")


def _begin_fine_tuning(phase: Phase, model: keras.Model, feed: Feed, num_classes: int, reporter: Reporter) -> None:
    """Have the backbone learn too, with a fresh optimizer."""
    settings, backbone = phase.resolved.recipe.training, str(phase.resolved.architecture.spec.backbone)
    num_layers = None if settings.fine_tuning is None else settings.fine_tuning.layers
    count = let_backbone_learn(model, backbone, num_layers)
    compile_model(model, phase.resolved, num_classes, len(feed))
    learn = "layer learns" if count == 1 else "layers learn"
    reporter.say(f"Backbone {count} {learn} too from here on, at a learning rate of {settings.learning_rate:g}")


def _further_callbacks(run: Run, registry: Registry, phase: Phase) -> list[keras.callbacks.Callback]:
    """Return the callbacks of Keras, the recipe and the plugins."""
    of_plugins = [callback for _, callback in registry.host.collect("cnnforge_callbacks", run=run)]
    return [keras.callbacks.History(), *components.build_callbacks(phase.resolved.recipe.training), *of_plugins]


def _fit_phase(
    phase: Phase,
    model: keras.Model,
    feeds: Mapping[str, Feed],
    callbacks: list[keras.callbacks.Callback],
    start: Checkpoint | None,
) -> None:
    """Train one phase, from its beginning or from a checkpoint of it."""
    feed = feeds["train"]
    first = phase.first_epoch if start is None else phase.last_epoch if start.is_stopped else start.epoch
    with feed.own_errors():
        model.fit(
            feed,
            validation_data=feeds.get("validation"),
            epochs=phase.last_epoch,
            initial_epoch=first,
            shuffle=False,  # the feed shuffles
            verbose=0,
            callbacks=CallbacksFrom(callbacks, feed, model=model, epochs=phase.last_epoch, steps=len(feed)),
        )
