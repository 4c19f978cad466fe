"""The steps of a run but for the fitting itself, in the order in which :func:`cnnforge.running.execute` takes them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

import keras
import numpy as np

from cnnforge.data import Feed, PreparedData, check_unchanged, epoch_order, prepare
from cnnforge.errors import CnnforgeError, PluginError
from cnnforge.evaluation import Predictions, predict_rows, write_evaluation
from cnnforge.host import Registry, import_deferred
from cnnforge.images import LabelledImages
from cnnforge.network import Predictor, adapt_normalization, compiled_model, components, trained_model, unadapted
from cnnforge.recipe import ResolvedRecipe
from cnnforge.report import leading_figures, verdict, write_report
from cnnforge.running.checkpointing import restore_model
from cnnforge.running.checkpoints import Checkpoint, remove_old_checkpoints
from cnnforge.running.recording import now
from cnnforge.running.run_dir import Run, RunDir
from cnnforge.system import Interrupt, Reporter, files, peak_memory_bytes
from cnnforge.training import Precision, choose_precision, phases, precision_setting

_NUM_ADAPTED = 512  # training images that a network may adapt to

Build = Callable[[str], "TrainableModel"]
"""Returns the network of a run as it is trained under a dtype policy."""


@dataclass(frozen=True, slots=True)
class RunContext:
    """What the steps of a run have in common.

    Args:
        run: Its directory and its recipe.
        registry: The plugins.
        reporter: Told what happens.
        interrupt: Asked after each batch whether to stop.
        started: When the run started, ``time.perf_counter()``.
    """

    run: Run
    registry: Registry
    reporter: Reporter
    interrupt: Interrupt
    started: float = field(default_factory=time.perf_counter)

    @property
    def directory(self) -> RunDir:
        """The run directory."""
        return self.run.directory

    @property
    def resolved(self) -> ResolvedRecipe:
        """The recipe."""
        return self.run.resolved

    def note_seconds(self, part: str) -> None:
        """Note in ``run.json`` how long a part of the run took: since the part before it, or since the run started."""
        seconds, total = self.directory.read_run()["seconds"], time.perf_counter() - self.started
        since = round(total - seconds.get("total", 0.0), 3)
        self.directory.update_run(seconds={**seconds, part: since, "total": round(total, 3)})


class TrainableModel(NamedTuple):
    """A model compiled as ``[training]`` says, and what plugins changed of its training steps: lines by plugin id."""

    model: keras.Model
    steps: dict[str, list[str]]


def prepare_data(context: RunContext, images: LabelledImages) -> PreparedData:
    """Scan the images and write the manifest; a resumed run must find the images it was started with."""
    directory, reporter = context.directory, context.reporter
    host = context.registry.host
    data = prepare(context.resolved, images, lambda done, total: reporter.progress("Reading images", done, total), host)
    before = directory.read_run().get("data")
    if before is not None and not context.run.accept_changes:
        check_unchanged(before["fingerprint"], directory.manifest, data.manifest)
    data.manifest.write(directory.manifest)
    facts = {"location": data.location, "notice": data.notice, **data.manifest.summary()}
    directory.update_run(data=facts, seconds={})
    reporter.finish(_data_line(facts))
    for warning in data.manifest.warnings:
        reporter.warn(warning)
    context.note_seconds("scan")
    return data


def check_schedules(resolved: ResolvedRecipe, steps_per_epoch: int) -> None:
    """Build the schedule of every phase: a mistake in the last must not come to light after the first."""
    for phase in phases(resolved):
        components.build_schedule(phase.resolved.recipe.training, steps_per_epoch)


def trainable_model(
    run: Run, registry: Registry, num_classes: int, steps_per_epoch: int, policy: str
) -> TrainableModel:
    """Return the recipe's network as it is trained: compiled, its weights drawn from the seed, plugins told of it."""
    model = compiled_model(run.resolved, num_classes, steps_per_epoch, policy)
    return TrainableModel(model, tell_of_model(run, registry, model))


def tell_of_model(run: Run, registry: Registry, model: keras.Model) -> dict[str, list[str]]:
    """Let plugins change how a compiled model computes its training steps; return what they say of that, by id."""
    steps: dict[str, list[str]] = {}
    for plugin, line in registry.host.collect("cnnforge_model_built", run=run, model=model, registry=registry):
        steps.setdefault(plugin, []).append(line)
    return steps


def choose_arithmetic(run: Run, build: Build, feed: Feed) -> Precision:
    """Return the precision that suits the network, or that was chosen when the run began."""
    images, targets, *_ = feed[0]
    wanted = run.resolved.recipe.training.precision
    precision = choose_precision(wanted, build, (images, targets))
    before = run.directory.read_run().get("precision", {})
    return replace(precision, **before) if wanted == "auto" or before.get("policy") == precision.policy else precision


def with_precision(resolved: ResolvedRecipe, precision: Precision) -> ResolvedRecipe:
    """Return the recipe with the precision that was chosen."""
    training = resolved.recipe.training.model_copy(update={"precision": precision_setting(precision.policy)})
    return replace(resolved, recipe=resolved.recipe.model_copy(update={"training": training}))


def record_network(context: RunContext, decided: ResolvedRecipe, precision: Precision, built: TrainableModel) -> None:
    """Write down how large the network is, in which arithmetic it is trained, and say what plugins did to its steps."""
    directory, say = context.directory, context.reporter.say
    num_parameters = built.model.count_params()
    directory.update_run(precision=asdict(precision), model={"num_parameters": num_parameters})
    # With what was measured written down, the recorded recipe repeats the run wherever it is run again.
    files.write_text(directory.recipe, decided.recipe.to_toml())
    say(f"Network  {num_parameters:,} parameters, {precision.policy} ({precision.reason})")
    for plugin, lines in built.steps.items():
        for line in lines:
            say(f"Steps    {line} ({plugin})")
    context.note_seconds("preparation")


def adapt(context: RunContext, model: keras.Model, feed: Feed, start: Checkpoint | None) -> None:
    """Have a network adapt to a sample of the training images, once in a run.

    That is what its architecture's ``adapt`` does, and then what ``Normalization`` layers still lack.

    Args:
        context: The run; its recipe names architecture and seed.
        model: The network, not trained yet.
        feed: The training images.
        start: What training goes on from. The network gets the weights of it, which were adapted when the run began:
            a frozen backbone must give the features that it gave then.

    Raises:
        PluginError: The architecture's function fails.
    """
    architecture = context.resolved.architecture
    if architecture.spec.adapt is None and not unadapted(model):
        return
    if start is not None:
        restore_model(model, start)
        return
    owner = f"architecture {architecture.spec.name!r} of plugin {architecture.plugin}"
    order = epoch_order(len(feed.rows), context.resolved.recipe.training.seed, epoch=0)
    images = feed.images.gather(feed.rows[order[:_NUM_ADAPTED]])
    if architecture.spec.adapt is not None:
        function = import_deferred(architecture.spec.adapt, owner)
        try:
            function(model, images)
        except CnnforgeError:
            raise
        except Exception as error:
            raise PluginError(f"{owner}: adapt failed: {type(error).__name__}: {error}") from error
    if num_layers := adapt_normalization(model, images):
        layers = "layer" if num_layers == 1 else f"{num_layers} layers"
        context.reporter.say(f"Network  Normalization {layers} adapted to {len(images)} training images")


def save_best_model(context: RunContext, num_classes: int) -> keras.Model:
    """Save and return the model with the weights of the best epoch; one that Keras cannot save is a warning."""
    directory = context.directory
    sha256 = directory.read_run()["weights"]["sha256"]
    model = trained_model(context.resolved, num_classes, directory.best_weights, sha256)
    try:
        with files.replacing(directory.model) as temporary:
            model.save(temporary)
    except (NotImplementedError, TypeError, ValueError) as error:  # a layer without get_config, or with an odd one
        reason = " ".join(str(error).split())[:200]
        context.reporter.warn(f"{directory.model.name} is left out, since Keras cannot save the network: {reason}")
    return model


def evaluate(context: RunContext, model: keras.Model, data: PreparedData) -> Predictions:
    """Measure the model on the split that the recipe names."""
    reporter, settings, manifest = context.reporter, context.resolved.recipe.evaluation, data.manifest
    rows = manifest.rows(settings.split)
    probabilities = predict_rows(
        Predictor(model), data.rows, rows, lambda done, total: reporter.progress("Evaluating", done, total)
    )
    names = [manifest.names[row] for row in rows]
    predictions = Predictions(settings.split, manifest.class_names, names, manifest.labels[rows], probabilities)
    result = write_evaluation(
        context.directory, predictions, data.rows, rows, num_mistakes=settings.num_mistakes, registry=context.registry
    )
    for warning in result["warnings"]:
        reporter.warn(warning)
    context.note_seconds("evaluation")
    return predictions


def tell_of_evaluation(context: RunContext, model: keras.Model, data: PreparedData, predictions: Predictions) -> None:
    """Let plugins keep what they want to show of single images; one that fails is a warning."""
    host, rows = context.registry.host, data.manifest.rows(predictions.split)
    broken_before = host.broken()

    def pixels(positions: np.ndarray) -> np.ndarray:
        return data.rows.gather(rows[positions])

    evaluated = {"model": model, "predictions": predictions, "pixels": pixels}
    for _, line in host.collect("cnnforge_evaluated", run=context.run, registry=context.registry, **evaluated):
        context.reporter.say(line)
    for info in host.broken():
        if info not in broken_before:
            context.reporter.warn(f"plugin {info.id}: {info.error}")
    context.note_seconds("explanation")


def conclude(context: RunContext) -> None:
    """Write the report and say how it went."""
    directory, reporter = context.directory, context.reporter
    remove_old_checkpoints(directory.checkpoints, keep=1)
    directory.update_run(status="finished", finished=now(), peak_memory_bytes=peak_memory_bytes())
    write_report(directory.path, context.registry)
    evaluation = directory.read_evaluation()
    reporter.finish("\n".join(_result_lines(evaluation)))
    if evaluation["accuracy_interval"][0] <= evaluation["baseline_accuracy"]:
        reporter.warn(verdict(evaluation))
    reporter.say(_speed_line(directory.read_run()))
    reporter.say(f"Report   {directory.report}")


def _data_line(facts: dict[str, Any]) -> str:
    splits = ", ".join(f"{split} {sum(counts.values()):,}" for split, counts in facts["splits"].items())
    left_out = f"; {facts['num_left_out']} left out (see manifest.jsonl)" if facts["num_left_out"] else ""
    return f"Data     {facts['num_images']:,} images of {len(facts['class_names'])} classes: {splits}{left_out}"


def _result_lines(result: dict[str, Any]) -> Iterator[str]:
    for figure in leading_figures(result):
        low, high = figure.interval or (math.nan, math.nan)
        limits = f"95 % interval {low:.3f} to {high:.3f}"
        if figure.title == "accuracy":
            baseline = f"always {result['baseline_class']!r}: {result['baseline_accuracy']:.3f}"
            told = f"on {result['num_images']:,} {result['split']} images ({limits}; {baseline})"
            yield f"Accuracy {figure.value:.3f} {told}"
        else:
            yield f"Balanced {figure.value:.3f}, the mean over the classes, which are uneven ({limits})"


def _speed_line(facts: dict[str, Any]) -> str:
    phase = f" in {facts['speed_phase']}" if "speed_phase" in facts else ""
    rate = f"{facts['images_per_second']:,.0f} images/s{phase}"
    speed = f"{rate}, {facts['waiting_share']:.1%} of training waiting for data"
    peak = facts["peak_memory_bytes"]
    memory = f", peak memory {peak / 1e9:.1f} GB" if peak else ""
    return f"Speed    {speed}{memory}, {facts['seconds']['total']:.0f} s in all"
