"""What a study leaves behind: ``study.json``, ``best.toml``, ``trials.csv``, ``study.html``."""

from __future__ import annotations

import csv
import shlex
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from cnnforge.recipe import Recipe
from cnnforge.running import now
from cnnforge.system import files, spreadsheet_cell
from cnnforge_tuning.confirmation import DEFAULT, Confirmed, verdict
from cnnforge_tuning.page import write_page
from cnnforge_tuning.space import Hyperparameter, settings
from cnnforge_tuning.study import Study, Trial


def write(study: Study, confirmed: Sequence[Confirmed], *, is_over: bool) -> None:
    """Write everything that follows from the trials and the trainings on fresh seeds.

    Args:
        study: The trials.
        confirmed: The best mean objective first; none: they were not trained again.
        is_over: Whether all has been done that was to be done.
    """
    best = best_recipe(study, confirmed)
    if best is not None:
        files.write_text(study.directory.best, best.to_toml())
    _write_table(study)
    study.directory.update(
        status="finished" if is_over else "interrupted",
        updated=now(),
        path=str(study.directory.path),
        command=shlex.join(["cnnforge", *study.directory.read()["argv"][1:]]),
        space=[_space(number, hyperparameter) for number, hyperparameter in enumerate(study.space)],
        trials=[_facts(study, trial) for trial in study.trials.values()],
        best=study.ranking()[0].id if study.ranking() else None,
        confirmed=[item.facts() for item in confirmed],
        evaluated_split=study.base.evaluation.split,
        winner=confirmed[0].name if confirmed else None,
        verdict=sentence(confirmed),
    )
    write_page(study.directory)


def best_recipe(study: Study, confirmed: Sequence[Confirmed]) -> Recipe | None:
    """Return the complete recipe of the configuration that came out best, None if no trial has a score."""
    if confirmed:
        return study.recipe_of(confirmed[0].values)
    return study.recipe_of(study.ranking()[0].settings) if study.ranking() else None


def sentence(confirmed: Sequence[Confirmed]) -> str:
    """Return what can be said of the winner against the recipe as it was."""
    if not confirmed:
        return "Nothing was trained again on fresh seeds, so the best figure may be luck."
    default = next(item for item in confirmed if item.name == DEFAULT)
    return verdict(confirmed[0], default)


def _facts(study: Study, trial: Trial) -> dict[str, Any]:
    return {
        "trial": trial.id,
        "status": trial.status,
        "score": study.score(trial) if trial in study.ranking() else None,
        "epochs": len(trial.history),
        "history": trial.history,
        "settings": settings(trial.settings),
        "values": trial.settings,
        "seconds": trial.seconds,
        "num_retries": trial.num_retries,
        "kind": trial.kind,
        "reason": trial.reason,
        "cause": trial.cause,
        "origin": trial.origin,
    }


def _space(number: int, hyperparameter: Hyperparameter) -> dict[str, Any]:
    """Return a hyperparameter and its range, for pictures."""
    space = hyperparameter.space
    described = {"id": number, "name": hyperparameter.name, "label": hyperparameter.label, "kind": space.kind}
    return {**described, "text": hyperparameter.text, "default": hyperparameter.default, **asdict(space)}


def _write_table(study: Study) -> None:
    names = [hyperparameter.name for hyperparameter in study.space]
    header = ["trial", "status", study.objective.name, "epochs", "seconds", *names, "reason"]
    with (
        files.replacing(study.directory.table) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(header)
        ranking = study.ranking()
        for trial in study.trials.values():
            score = study.score(trial) if trial in ranking else ""
            values = [trial.values.get(name, "") for name in names]
            row = [trial.id, trial.status, score, len(trial.history), trial.seconds, *values, trial.reason]
            writer.writerow([spreadsheet_cell(cell) if isinstance(cell, str) else cell for cell in row])
