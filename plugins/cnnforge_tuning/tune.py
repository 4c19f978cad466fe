"""The whole of ``cnnforge tune``, in one linear function: examine, search, confirm, tell the truth."""

from __future__ import annotations

import math
from contextlib import ExitStack
from typing import Any

from cnnforge.errors import CnnforgeError, DataError, RecipeError
from cnnforge.recipe import Recipe
from cnnforge.report import count, duration, size
from cnnforge.runs import provenance
from cnnforge.system import Interrupt, files
from cnnforge_tuning import confirmation, results
from cnnforge_tuning.fork import take_over
from cnnforge_tuning.oracle import import_keras_tuner
from cnnforge_tuning.plan import Plan, num_trials
from cnnforge_tuning.preflight import Facts, Point, examine
from cnnforge_tuning.search import Search, View, Workers
from cnnforge_tuning.settings import tuning_of
from cnnforge_tuning.space import corners, describe, describe_size, recipe_of
from cnnforge_tuning.study import Study
from cnnforge_tuning.study_dir import StudyDir, changes, check_same, forked, held, identity

_START_SECONDS = 8.0  # of a trial: starting Python, importing Keras, reading the store


def tune(
    plan: Plan, directory: StudyDir, workers: Workers, view: View, *, deadline: float = math.inf, fork: bool = False
) -> StudyDir:
    """Search, confirm and write what was found; a study that exists already goes on.

    Args:
        plan: What to search.
        directory: The study's folder.
        workers: Where trials run; shut down at the end.
        view: Told how it goes.
        deadline: When no new trial is started, by ``time.monotonic``.
        fork: Where the study that exists is another one, start a new one from its finished trials.

    Returns:
        The study's folder; with ``fork`` a new one beside.

    Raises:
        CnnforgeError: Whatever goes wrong.
        InterruptedRunError: A signal ended it, after recording.
    """
    with workers.interrupt as interrupt, ExitStack() as stack:
        stack.enter_context(held(directory))
        try:
            facts = _examined(plan, workers, is_new=fork or not directory.exists())
            interrupt.defers = True
            now = identity(plan.resolved, plan.space, facts.fingerprint)
            origin = None
            if directory.exists() and fork and changes(directory, now):
                origin, directory = directory, forked(directory)
                stack.enter_context(held(directory))
            study = _opened(plan, directory, facts, now, workers=workers, view=view)
            if origin is not None:
                take_over(study, origin, now, view)
            guess = _trial_seconds(study.base, facts)
            Search(study, workers, view, deadline, guess).run()
            is_wanted = tuning_of(study.base).confirm and not interrupt.is_requested
            confirmed = confirmation.confirm(study, workers, view) if is_wanted else []
            results.write(study, confirmed, is_over=not interrupt.is_requested)
            interrupt.release()
        except KeyboardInterrupt:
            raise _stopped(interrupt, directory) from None
        finally:
            workers.executor.shutdown(wait=True, cancel_futures=True)
    return directory


def _examined(plan: Plan, workers: Workers, *, is_new: bool) -> Facts:
    """Return what a worker finds out, while this process imports Keras Tuner."""
    points = [
        Point(describe(values) or "the recipe itself", recipe_of(plan.recipe, plan.space, values).to_toml())
        for values in corners(plan.space)
    ]
    future = workers.executor.submit(examine, points, is_new=is_new)
    import_keras_tuner()
    try:
        facts = future.result()
    except CnnforgeError:
        raise
    except Exception as error:
        raise CnnforgeError(f"the recipe cannot be examined: {error}") from error
    _check(plan, facts)
    return facts


def _opened(
    plan: Plan, directory: StudyDir, facts: Facts, now: dict[str, Any], *, workers: Workers, view: View
) -> Study:
    """Return the study, begun or gone on with; all trials compute with what was measured when it began."""
    if directory.exists():
        check_same(directory, now)
        study = Study(directory, _decided(plan.recipe, directory.read()["precision"]), plan.space, plan.objective)
        num_over = sum(trial.is_over for trial in study.trials.values())
        view.say(f"Goes on  {num_over} trials are over, {len(study.trials) - num_over} were interrupted")
        return study
    files.write_text(directory.recipe, plan.recipe.to_toml())
    directory.update(
        name=directory.path.name,
        identity=now,
        objective=plan.objective.name,
        direction=plan.objective.direction,
        notice=facts.notice,
        precision=facts.precision,
        **{**provenance(plan.resolved), "status": "started"},
    )
    _say_costs(plan, facts, workers.number, view)
    return Study(directory, _decided(plan.recipe, facts.precision), plan.space, plan.objective)


def _check(plan: Plan, facts: Facts) -> None:
    if "validation" not in facts.num_images:
        raise DataError(
            "expected validation images to compare trials on, received none",
            hint="raise data.validation_fraction; the test images are for the end alone",
        )
    if plan.objective.name not in facts.metrics:
        raise RecipeError(
            f"expected tuning.objective to be measured in every epoch, received {plan.objective.name}."
            f" Measured: {', '.join(facts.metrics)}",
            hint="add it to training.metrics",
        )


def _decided(recipe: Recipe, precision: str) -> Recipe:
    training = recipe.training.model_copy(update={"precision": precision})
    return recipe.model_copy(update={"training": training})


def _trial_seconds(recipe: Recipe, facts: Facts, corner: int = 0) -> float:
    return recipe.training.epochs * facts.epoch_seconds[corner] + _START_SECONDS if facts.epoch_seconds else 0.0


def _say_costs(plan: Plan, facts: Facts, num_workers: int, view: View) -> None:
    tuning, number = tuning_of(plan.recipe), num_trials(plan.recipe)
    seconds = [_trial_seconds(plan.recipe, facts, corner) * number / num_workers for corner in (0, 1)]
    images = ", ".join(f"{split} {count(n)}" for split, n in facts.num_images.items())
    for warning in [facts.notice, *facts.warnings]:
        if warning:
            view.warn(warning)
    view.say(f"Data     {images}")
    view.say(f"Space    {describe_size(plan.space)}; {tuning.algorithm}, {number} trials, {num_workers} at a time")
    view.say(
        f"Network  {count(facts.num_parameters[0])} parameters as the recipe is, {count(facts.num_parameters[1])} at"
        f" the largest; about {size(facts.memory_bytes[0])} and {size(facts.memory_bytes[1])} of memory;"
        f" {facts.precision}"
    )
    view.say(
        f"Costs    about {duration(seconds[0])} if all trials were as the recipe is, {duration(seconds[1])} if all were"
        f" the largest; at most {size(facts.disk_bytes(tuning.keep + num_workers))} of weights on the disk"
    )


def _stopped(interrupt: Interrupt, directory: StudyDir) -> Exception:
    error = interrupt.error(directory.path)
    error.hint = "everything is recorded; the same command goes on"
    return error
