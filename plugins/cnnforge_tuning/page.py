"""The page of a study: one self-contained HTML file, made from ``study.json`` alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnnforge.report import count, duration, number, numbers, page, percent
from cnnforge.system import files
from cnnforge_tuning import figures
from cnnforge_tuning.space import describe
from cnnforge_tuning.study_dir import StudyDir

Facts = Mapping[str, Any]

_LEAST_TRIALS = 10  # before anything is said of what mattered
_TREES = 200
_REPEATS = 20


def write_page(directory: StudyDir) -> None:
    """Write ``study.html``.

    Raises:
        StorageError: ``study.json`` cannot be read, or the page not be written.
    """
    files.write_text(directory.page, render(directory.read()))


def render(study: Facts) -> str:
    """Return the page as HTML."""
    trials, objective = study["trials"], study["objective"]
    scored = ranked(study)
    best = scored[0]["trial"] if scored else None
    return page.render(
        __package__,
        "study.html.j2",
        study=study,
        scored=scored,
        headline=headline(study, scored),
        facts=facts(study),
        curves=figures.learning_curves(trials, best, objective) if scored else "",
        parallel=figures.parallel_coordinates(trials, study["space"], best, objective) if scored else "",
        slices=[(s["label"], figures.slice_chart(trials, s, best, objective)) for s in drawn(study, scored)],
        seeds=figures.seeds_chart(study["confirmed"], study["evaluated_split"]) if has_accuracy(study) else "",
        importance=mattered(study, scored),
        failed=[trial for trial in trials if trial["status"] == "failed"],
        describe=describe,
    )


def ranked(study: Facts) -> list[Facts]:
    """Return the trials with a score, the best first."""
    scored = [trial for trial in study["trials"] if trial["score"] is not None]
    return sorted(scored, key=lambda trial: trial["score"], reverse=study["direction"] == "max")


def drawn(study: Facts, scored: Sequence[Facts]) -> list[Facts]:
    """Return the spaces that any of the trials with a score has drawn from."""
    return [space for space in study["space"] if any(space["name"] in trial["values"] for trial in scored)]


def has_accuracy(study: Facts) -> bool:
    """Return whether any training on fresh seeds was evaluated."""
    return any(item["accuracy"] for item in study["confirmed"])


def headline(study: Facts, scored: Sequence[Facts]) -> dict[str, str]:
    """Return the figure that the study ends with, what it is, and how far it can be trusted."""
    if has_accuracy(study):
        winner = study["confirmed"][0]
        interval = numbers.interval(winner["accuracy_interval"])
        return {
            "label": f"{study['evaluated_split'].capitalize()} accuracy of the best configuration",
            "value": percent(winner["mean_accuracy"]),
            "interval": f"mean of {len(winner['accuracy'])} trainings on fresh seeds"
            + (f", 95 % interval {interval}" if interval else ", which say nothing of chance"),
            "settings": describe(winner["values"]),
        }
    if not scored:
        return {}
    return {
        "label": f"Best {study['objective']}",
        "value": number(scored[0]["score"]),
        "interval": "the highest of many noisy figures, so rather too good",
        "settings": describe(scored[0]["values"]),
    }


def facts(study: Facts) -> list[tuple[str, str]]:
    """Return the figures in a row below the headline."""
    statuses = Counter(trial["status"] for trial in study["trials"])
    return [
        ("Trials", count(len(study["trials"]))),
        *((status.capitalize(), count(statuses[status])) for status in ("finished", "pruned", "failed")),
        ("Time of all trials", duration(sum(trial["seconds"] for trial in study["trials"]))),
        ("Chosen by", study["identity"]["tuning"]["algorithm"]),
    ]


@dataclass(frozen=True, slots=True)
class Importance:
    """Shares of all settings, which sum to 1, and how far they can be trusted.

    ``explained`` is the share of the differences between trials that a model of the settings predicts on trials it
    has not seen; at or below 0 nothing can be told, and ``shares`` is empty.
    """

    shares: list[float]
    explained: float | None
    sentence: str


def importance(positions: Sequence[Sequence[float]], scores: Sequence[float]) -> Importance:
    """Return the permutation importance in a random forest (Breiman 2001), on trials each tree has not seen.

    Args:
        positions: Where each trial's values lie in their ranges, shape (trials, settings), from 0 to 1.
        scores: The objective of each trial.
    """
    if len(scores) < _LEAST_TRIALS or np.ptp(scores) == 0:
        return Importance([], None, f"Too few different trials to say ({len(scores)}; at least {_LEAST_TRIALS}).")
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance

    forest = RandomForestRegressor(_TREES, oob_score=True, random_state=0, min_samples_leaf=2)
    forest.fit(np.asarray(positions), np.asarray(scores))
    explained = float(forest.oob_score_)
    if explained <= 0:
        return Importance(
            [],
            explained,
            f"{len(scores)} trials do not tell: a model of the settings predicts unseen trials no better than their"
            " mean does.",
        )
    found = permutation_importance(forest, positions, scores, n_repeats=_REPEATS, random_state=0).importances_mean
    shares = np.clip(found, 0, None) / max(np.clip(found, 0, None).sum(), 1e-12)
    trust = "A rough picture" if explained < 0.5 or len(scores) < 3 * _LEAST_TRIALS else "A fair picture"
    return Importance(
        shares.tolist(),
        explained,
        f"{trust}: from {len(scores)} trials, a model of the settings explains {100 * explained:.0f} % of the"
        " differences between trials it has not seen.",
    )


def mattered(study: Facts, scored: Sequence[Facts]) -> tuple[Importance, list[tuple[str, float]]]:
    """Return the importance of the settings, and each setting with its share, the largest first."""
    spaces = study["space"]
    positions = [[_position(s, t["values"]) for s in spaces] for t in scored]
    found = importance(positions, [trial["score"] for trial in scored])
    pairs = zip((s["label"] for s in spaces), found.shares, strict=False)
    return found, sorted(pairs, key=lambda pair: -pair[1])


def _position(space: Facts, values: Facts) -> float:
    """Return where a trial's value lies in its range; below it, where the setting did not count."""
    return figures.position(space, values[space["name"]]) if space["name"] in values else -1.0
