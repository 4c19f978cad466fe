"""How much each setting mattered, as far as the trials can tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_LEAST_TRIALS = 10
_TREES = 200
_REPEATS = 20


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
