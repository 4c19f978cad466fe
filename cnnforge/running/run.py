"""The run: from a resolved recipe to a trained, evaluated and reported model, in one linear function.

Importing this imports nothing heavy: Keras is imported within the run, so that what ends that is noted too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from cnnforge.errors import InterruptedRunError, StorageError
from cnnforge.host import Registry
from cnnforge.images import LabelledImages
from cnnforge.report import write_report
from cnnforge.running.recording import conditions, now
from cnnforge.running.resuming import checkpoint_to_resume, identity
from cnnforge.running.run_dir import Run, RunDir
from cnnforge.system import Interrupt, Reporter, import_keras


def execute(run: Run, images: LabelledImages, registry: Registry, reporter: Reporter) -> None:
    """Train, evaluate and report one recipe, from the newest checkpoint in the run directory if it has one.

    Args:
        run: The run directory, new or reopened, held by the caller (``hold_run``), and the recipe, every mistake in
            it already reported.
        images: What the recipe's data source opened.
        registry: The plugins: asked for callbacks, told of each model that is trained and when the run has ended.
        reporter: Told what happens.

    Raises:
        CnnforgeError: Whatever goes wrong; ``run.json`` in the run directory says so too.
    """
    directory, resolved = run.directory, run.resolved
    try:
        with _recorded(directory, registry, reporter) as interrupt:
            with directory.log.open("a", encoding="utf-8") as log:
                log.write(import_keras())
            from cnnforge.running import steps
            from cnnforge.running.fitting import fit
            from cnnforge.training import FLOAT32, explain_lost_device, explain_memory_errors, make_feeds

            context = steps.RunContext(run, registry, reporter, interrupt)
            data = steps.prepare_data(context, images)
            feeds, num_classes = make_feeds(resolved, data), len(data.manifest.class_names)
            train = feeds["train"]
            steps.check_schedules(resolved, len(train))
            build: steps.Build = partial(steps.trainable_model, run, registry, num_classes, len(train))
            with explain_memory_errors(lambda: build(FLOAT32).model, train), explain_lost_device():
                precision = steps.choose_arithmetic(run, build, train)
                built = build(precision.policy)
                decided = steps.with_precision(resolved, precision)
                steps.record_network(context, decided, precision, built)

                facts = {"identity": identity(decided), "conditions": conditions(built.steps)}
                start = checkpoint_to_resume(directory, facts["conditions"], reporter)
                steps.adapt(context, built.model, train, start)
                fit(context, built.model, data, feeds, facts=facts, start=start)

            best = steps.save_best_model(context, num_classes)
            predictions = steps.evaluate(context, best, data)
            steps.tell_of_evaluation(context, best, data, predictions)
            steps.conclude(context)
    finally:
        for _, line in registry.host.collect("cnnforge_run_ended", run=run):
            reporter.say(line)


@contextmanager
def _recorded(directory: RunDir, registry: Registry, reporter: Reporter) -> Iterator[Interrupt]:
    """Note in ``run.json``, with a report of what there is, whatever ends the block early; and let it go on.

    Raises:
        InterruptedRunError: A signal ended it: Ctrl-C, SIGTERM or SIGHUP.
    """
    with Interrupt() as interrupt:
        try:
            yield interrupt
        except KeyboardInterrupt:
            stopped = interrupt.error(directory.path)
            _note(directory, registry, reporter, "interrupted", stopped)
            raise stopped from None
        except BaseException as error:
            status = "interrupted" if isinstance(error, InterruptedRunError) else "failed"
            _note(directory, registry, reporter, status, error)
            raise


def _note(directory: RunDir, registry: Registry, reporter: Reporter, status: str, error: BaseException) -> None:
    try:
        directory.update_run(status=status, error=f"{type(error).__name__}: {error}", finished=now())
        write_report(directory.path, registry)
    except (OSError, StorageError) as second:  # the disk may be what ended the run
        reporter.warn(f"{directory.run_json} could not be brought up to date: {second}")
