"""The run: from a resolved recipe to a trained, evaluated and reported model, in one linear function."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import keras

from cnnforge.data import Feed, PreparedData, check_unchanged, prepare
from cnnforge.errors import TrainingError
from cnnforge.evaluation import Predictions, predict_rows, write_evaluation, write_examples
from cnnforge.host import PluginHost
from cnnforge.images import LabelledImages
from cnnforge.network import Predictor, compile_model, compiled_model, components, trained_model
from cnnforge.recipe import ResolvedRecipe
from cnnforge.report import write_report
from cnnforge.runs.checkpointing import Checkpointing, build_state
from cnnforge.runs.checkpoints import Checkpoint, newest_checkpoint, remove_old_checkpoints
from cnnforge.runs.conditions import conditions
from cnnforge.runs.outcome import now, recorded
from cnnforge.runs.resuming import identity
from cnnforge.runs.run_dir import Run, RunDir
from cnnforge.system import Interrupt, Reporter, differences, files
from cnnforge.training import (
    CallbacksFrom,
    Phase,
    callbacks,
    choose_precision,
    explain_lost_device,
    explain_memory_errors,
    let_backbone_learn,
    make_feeds,
    peak_memory_bytes,
    phases,
    precision,
    precision_setting,
    run_backbone_once,
    with_averages,
    write_sheet,
)


def execute(run: Run, images: LabelledImages, host: PluginHost, reporter: Reporter) -> None:
    """Train, evaluate and report one recipe, from the newest checkpoint in the run directory if it has one.

    Args:
        run: The run directory, new or reopened, held by the caller (``run_dir.held``), and the recipe, every mistake
            in it already reported.
        images: What the recipe's data source opened.
        host: The plugins, asked for callbacks, and told when the run has ended.
        reporter: Told what happens.

    Raises:
        CnnforgeError: Whatever goes wrong; ``run.json`` in the run directory says so too.
    """
    job = _Job(run, host, reporter, _Clock())
    try:
        with recorded(run.directory, reporter) as interrupt:
            _run(job, images, interrupt)
    finally:
        for _, line in host.collect("cnnforge_run_ended", run=run):
            reporter.say(line)


def _run(job: _Job, images: LabelledImages, interrupt: Interrupt) -> None:
    resolved = job.resolved
    data = job.prepare(images)
    feeds = make_feeds(resolved, data)
    for phase in phases(resolved):  # a mistake in the last must not come to light after the first
        components.build_schedule(phase.resolved.recipe.training, len(feeds["train"]))
    compiled = partial(compiled_model, resolved, len(data.manifest.class_names), len(feeds["train"]))
    with explain_memory_errors(partial(compiled, precision.FLOAT32), feeds["train"]), explain_lost_device():
        model = job.build(compiled, feeds["train"])
        job.train(model, data, feeds, interrupt)
    result = job.evaluate(data)
    job.conclude(result)


@dataclass(slots=True)
class _Clock:
    """Seconds spent in each phase of a run, and in all."""

    seconds: dict[str, float] = field(default_factory=dict)
    _start: float = field(default_factory=time.perf_counter)

    def lap(self, phase: str) -> None:
        """Note the time since the last phase ended."""
        total = time.perf_counter() - self._start
        self.seconds[phase] = round(total - self.seconds.get("total", 0.0), 3)
        self.seconds["total"] = round(total, 3)


@dataclass(frozen=True, slots=True)
class _Training:
    """What the phases of training share: their list, the metrics and the best weights so far, and who may stop them."""

    phases: list[Phase]
    log: callbacks.MetricsLog
    best: callbacks.BestWeights
    facts: dict[str, Any]
    interrupt: Interrupt


@dataclass(frozen=True, slots=True)
class _Job:
    """The steps of a run, in the order in which :func:`execute` takes them."""

    run: Run
    host: PluginHost
    reporter: Reporter
    clock: _Clock

    @property
    def directory(self) -> RunDir:
        """Where everything is written."""
        return self.run.directory

    @property
    def resolved(self) -> ResolvedRecipe:
        """What is to be done."""
        return self.run.resolved

    def lap(self, phase: str) -> None:
        """Note how long a phase took."""
        self.clock.lap(phase)
        self.directory.update_run(seconds=self.clock.seconds)

    def prepare(self, images: LabelledImages) -> PreparedData:
        """Scan the images and write the manifest; a resumed run must find the images it was started with."""
        data = prepare(self.resolved, images, lambda done, total: self.reporter.progress("Reading images", done, total))
        if not self.run.accept_changes:
            check_unchanged(self.directory, data.manifest)
        data.manifest.write(self.directory.manifest)
        facts = {"location": data.location, "notice": data.notice, **data.manifest.summary()}
        self.directory.update_run(data=facts)
        self.reporter.finish(_data_line(facts))
        for warning in data.manifest.warnings:
            self.reporter.warn(warning)
        self.lap("scan")
        return data

    def build(self, compiled: Callable[[str], keras.Model], feed: Feed) -> keras.Model:
        """Return the compiled model in the precision that suits it, or that was chosen when the run began."""
        images, targets, *_ = feed[0]
        chosen = choose_precision(self.resolved.recipe.training.precision, compiled, (images, targets))
        before = self.directory.read_run().get("precision", {})
        if before.get("policy") == chosen.policy or self.resolved.recipe.training.precision == "auto":
            chosen = replace(chosen, **before)
        model = compiled(chosen.policy)
        self.directory.update_run(
            precision={"policy": chosen.policy, "reason": chosen.reason}, model={"num_parameters": model.count_params()}
        )
        # With what was measured written down, the recorded recipe repeats the run wherever it is run again.
        files.write_text(self.directory.recipe, self.decided(chosen.policy).recipe.to_toml())
        self.reporter.say(f"Network  {model.count_params():,} parameters, {chosen.policy} ({chosen.reason})")
        self.lap("preparation")
        return model

    def train(self, model: keras.Model, data: PreparedData, feeds: dict[str, Feed], interrupt: Interrupt) -> None:
        """Train to the end of the last phase, from the beginning or from the newest checkpoint."""
        policy = self.directory.read_run()["precision"]["policy"]
        facts = {"identity": identity(self.decided(policy)), "conditions": conditions()}
        start = self.start(facts["conditions"])
        log, best = callbacks.MetricsLog(self.directory.metrics), callbacks.BestWeights(self.directory.checkpoints)
        training = _Training(phases(self.resolved), log, best, facts, interrupt)
        for phase in training.phases[0 if start is None else start.phase :]:
            feeds = make_feeds(phase.resolved, data) if phase.number else feeds
            self.begin(phase, model, feeds, len(data.manifest.class_names))
            trained, trained_feeds = run_backbone_once(model, phase.resolved, data, feeds, self.reporter)
            if trained is not model:
                self.lap("features")
            self.fit(phase, trained, trained_feeds, training, start)
            start = None
        interrupt.release()
        if not best.weights:
            raise TrainingError("expected at least one epoch with a finite loss, received none")
        self.directory.update_run(best_epoch=best.weights["epoch"], **log.summary())
        self.lap("training")

    def begin(self, phase: Phase, model: keras.Model, feeds: dict[str, Feed], num_classes: int) -> None:
        """Make the network ready for a phase; for the first it is."""
        settings = phase.resolved.recipe.training
        if phase.number == 0 and settings.augmentation.is_on:
            write_sheet(self.directory.augmentation, feeds["train"], settings.augmentation)
        if phase.number == 0 or settings.fine_tuning is None:
            return
        count = let_backbone_learn(model, str(self.resolved.architecture.spec.backbone), settings.fine_tuning.layers)
        compile_model(model, phase.resolved, num_classes, len(feeds["train"]))
        rate = settings.learning_rate
        learn = "layer learns" if count == 1 else "layers learn"
        self.reporter.say(f"Backbone {count} {learn} too from here on, at a learning rate of {rate:g}")

    def decided(self, policy: str) -> ResolvedRecipe:
        """Return the recipe with the precision that was chosen."""
        training = self.resolved.recipe.training.model_copy(update={"precision": precision_setting(policy)})
        return replace(self.resolved, recipe=self.resolved.recipe.model_copy(update={"training": training}))

    def fit(
        self,
        phase: Phase,
        model: keras.Model,
        feeds: dict[str, Feed],
        training: _Training,
        start: Checkpoint | None,
    ) -> None:
        """Train one phase, from its beginning or from a checkpoint of it."""
        settings, feed = phase.resolved.recipe.training, feeds["train"]
        build_state(model, feed)
        log, best = training.log, training.best
        log.feed = feed
        others = [
            keras.callbacks.History(),
            *components.build_callbacks(settings),
            *(callback for _, callback in self.host.collect("cnnforge_callbacks", run=self.run)),
        ]
        averages, others = with_averages(model, others)
        num_epochs = training.phases[-1].last_epoch
        run_callbacks = [
            callbacks.StopOnDivergence(),
            *averages,
            log,
            best,
            callbacks.ShowProgress(self.reporter, len(feed.rows), settings.batch_size, num_epochs),
            *others,
            Checkpointing(
                self.run,
                phase,
                feed=feed,
                stateful=[*averages, log, best, *others],
                best=best,
                interrupt=training.interrupt,
                facts=training.facts,
                start=start,
            ),
        ]
        first = phase.first_epoch if start is None else phase.last_epoch if start.is_stopped else start.epoch
        model.fit(
            feed,
            validation_data=feeds.get("validation"),
            epochs=phase.last_epoch,
            initial_epoch=first,
            shuffle=False,  # the feed shuffles
            verbose=0,
            callbacks=CallbacksFrom(run_callbacks, feed, model=model, epochs=phase.last_epoch, steps=len(feed)),
        )

    def start(self, now_conditions: dict[str, Any]) -> Checkpoint | None:
        """Return the checkpoint to go on from and say so, and whether the bits can still be the same."""
        with files.storage_errors(self.directory.checkpoints):
            self.directory.checkpoints.mkdir(exist_ok=True)
        found = newest_checkpoint(self.directory.checkpoints, self.reporter.warn)
        if found is None:
            return None
        changes = differences(found.facts["conditions"], now_conditions)
        changes += ["accelerators sum in no fixed order"] if now_conditions["accelerators"] else []
        resume = {"resumed": now(), "epoch": found.epoch, "batch": found.batch, "conditions_changed": changes}
        self.directory.update_run(resumes=[*self.directory.read_run().get("resumes", []), resume])
        self.reporter.say(f"Resume   after {found.epoch} epochs and {found.batch} batches")
        if changes:
            self.reporter.warn(f"the result will not be equal to the last bit: {'; '.join(changes)}")
        return found

    def evaluate(self, data: PreparedData) -> dict[str, Any]:
        """Save the best model and measure it on the split that the recipe names."""
        settings, manifest = self.resolved.recipe.evaluation, data.manifest
        sha256 = self.directory.read_run()["weights"]["sha256"]
        model = trained_model(self.resolved, len(manifest.class_names), self.directory.best_weights, sha256)
        with files.replacing(self.directory.model) as temporary:
            model.save(temporary)
        rows = manifest.rows(settings.split)
        predictions = Predictions(
            settings.split,
            manifest.class_names,
            [manifest.names[row] for row in rows],
            manifest.labels[rows],
            predict_rows(
                Predictor(model),
                data.rows,
                rows,
                lambda done, total: self.reporter.progress("Evaluating", done, total),
            ),
        )
        result = write_evaluation(self.directory, predictions, data.rows, rows, settings.num_mistakes)
        self.lap("evaluation")
        write_examples(self.directory, predictions, data.rows, rows, model=model, num_mistakes=settings.num_mistakes)
        self.lap("explanation")
        return result

    def conclude(self, result: dict[str, Any]) -> None:
        """Write the report and say how it went."""
        remove_old_checkpoints(self.directory.checkpoints, keep=1)
        self.directory.update_run(status="finished", finished=now(), peak_memory_bytes=peak_memory_bytes())
        write_report(self.directory.path)
        low, high = result["accuracy_interval"]
        self.reporter.finish(
            f"Accuracy {result['accuracy']:.3f} on {result['num_images']:,} {result['split']} images"
            f" (95 % interval {low:.3f} to {high:.3f}; always {result['baseline_class']!r}:"
            f" {result['baseline_accuracy']:.3f})"
        )
        self.reporter.say(_speed_line(self.directory.read_run()))
        self.reporter.say(f"Report   {self.directory.report}")


def _data_line(facts: dict[str, Any]) -> str:
    splits = ", ".join(f"{split} {sum(counts.values()):,}" for split, counts in facts["splits"].items())
    left_out = f"; {facts['num_left_out']} left out (see manifest.jsonl)" if facts["num_left_out"] else ""
    return f"Data     {facts['num_images']:,} images of {len(facts['class_names'])} classes: {splits}{left_out}"


def _speed_line(facts: dict[str, Any]) -> str:
    speed = f"{facts['images_per_second']:,.0f} images/s, {facts['waiting_share']:.1%} of training waiting for data"
    peak = facts["peak_memory_bytes"]
    memory = f", peak memory {peak / 1e9:.1f} GB" if peak else ""
    return f"Speed    {speed}{memory}, {facts['seconds']['total']:.0f} s in all"
