"""The whole of ``cnnforge tune``, in one linear function: examine, search, confirm, tell the truth."""

from __future__ import annotations

import math
from contextlib import ExitStack
from typing import Any

from cnnforge.errors import CnnforgeError, DataError, RecipeError, did_you_mean
from cnnforge.recipe import Recipe
from cnnforge.report import count, duration, size
from cnnforge.running import provenance
from cnnforge.system import Interrupt, differences, files
from cnnforge_tuning import confirmation, results
from cnnforge_tuning.journal import Journal
from cnnforge_tuning.objective import Objective
from cnnforge_tuning.oracle import import_keras_tuner
from cnnforge_tuning.plan import Plan
from cnnforge_tuning.preflight import Facts, Point, examine
from cnnforge_tuning.pruning import history
from cnnforge_tuning.search import Search, View, Workers
from cnnforge_tuning.space import corners, describe, describe_size, is_inside, recipe_of
from cnnforge_tuning.study import Study, Trial, trials_of
from cnnforge_tuning.study_dir import StudyDir, changes, check_same, forked, held, identity

_START_SECONDS = 8.0  # of a trial: starting Python, importing Keras, reading the store
_MEASURED_BY = ("recipe", "plugins", "data")  # of a study's identity: with another of these a trial is another


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
            is_wanted = plan.tuning.confirm and not interrupt.is_requested
            confirmed = confirmation.confirm(study, workers, view) if is_wanted else []
            results.write(study, confirmed, is_over=not interrupt.is_requested)
            interrupt.release()
        except KeyboardInterrupt:
            raise _stopped(interrupt, directory) from None
        finally:
            workers.executor.shutdown(wait=True, cancel_futures=True)
    return directory


def take_over(study: Study, origin: StudyDir, now: dict[str, Any], view: View) -> None:
    """Give a new study the finished trials of another that lie in its space, and say how many.

    Args:
        study: The new one, without trials.
        origin: The folder of the other.
        now: The identity of the new one.
        view: Told what was taken, or why nothing was.
    """
    changed = [
        line
        for part in _MEASURED_BY
        for line in differences({part: origin.read()["identity"][part]}, {part: now[part]})
    ]
    if changed:
        view.warn(f"no trial of {origin.path} is taken over, since they measured something else: {'; '.join(changed)}")
    elif not study.plan.algorithm.spec.accepts_trials:
        view.warn(f"no trial of {origin.path} is taken over: {study.plan.tuning.algorithm} makes its own")
    else:
        found = [_measured(trial, origin, study.objective) for trial in _finished(origin)]
        fitting = [trial for trial in found if trial.history and is_inside(study.space, trial.settings)]
        for trial in fitting:
            study.take_over(trial, origin.path.name)
        view.say(f"Fork     {len(fitting)} of {len(found)} trials of {origin.path} are taken over")


def _finished(origin: StudyDir) -> list[Trial]:
    trials = trials_of(Journal(origin.journal).read()).values()
    return [trial for trial in trials if trial.status in ("finished", "pruned") and trial.last_epoch is None]


def _measured(trial: Trial, origin: StudyDir, objective: Objective) -> Trial:
    """Return a trial with what it says of this objective, which may be another than it was made for."""
    trial.history = history(origin.trial(trial.id), objective) or trial.history
    return trial


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
        study = Study(directory, plan.at(directory.read()["precision"]))
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
    return Study(directory, plan.at(facts.precision))


def _check(plan: Plan, facts: Facts) -> None:
    if "validation" not in facts.num_images:
        raise DataError(
            "expected validation images to compare trials on, received none",
            hint="raise data.validation_fraction; the test images are for the end alone",
        )
    if plan.objective.name not in facts.metrics:
        raise RecipeError(
            f"expected tuning.objective to be measured in every epoch, received {plan.objective.name}."
            f"{did_you_mean(plan.objective.name, facts.metrics)} Measured: {', '.join(facts.metrics)}",
            hint="add it to training.metrics",
        )


def _trial_seconds(recipe: Recipe, facts: Facts, corner: int = 0) -> float:
    return recipe.training.epochs * facts.epoch_seconds[corner] + _START_SECONDS if facts.epoch_seconds else 0.0


def _say_costs(plan: Plan, facts: Facts, num_workers: int, view: View) -> None:
    number = plan.num_trials
    seconds = [_trial_seconds(plan.recipe, facts, corner) * number / num_workers for corner in (0, 1)]
    images = ", ".join(f"{split} {count(n)}" for split, n in facts.num_images.items())
    for warning in [facts.notice, *facts.warnings]:
        if warning:
            view.warn(warning)
    view.say(f"Data     {images}")
    view.say(f"Space    {describe_size(plan.space)}; {plan.tuning.algorithm}, {number} trials, {num_workers} at a time")
    view.say(
        f"Network  {count(facts.num_parameters[0])} parameters as the recipe is, {count(facts.num_parameters[1])} at"
        f" the largest; about {size(facts.memory_bytes[0])} and {size(facts.memory_bytes[1])} of memory;"
        f" {facts.precision}"
    )
    view.say(
        f"Costs    about {duration(seconds[0])} if all trials were as the recipe is, {duration(seconds[1])} if all were"
        f" the largest; at most {size(facts.disk_bytes(plan.tuning.keep + num_workers))} of weights on the disk"
    )


def _stopped(interrupt: Interrupt, directory: StudyDir) -> Exception:
    error = interrupt.error(directory.path)
    error.hint = "everything is recorded; the same command goes on"
    return error
