"""Figure 1: a run that is killed with ``kill -9`` and resumed ends with the bits of the run that was not."""

from __future__ import annotations

from collections import Counter

from tests.faults import kills
from tests.reliability import plain_training
from tests.reliability.figure import Figure, share

NUM_KILLED, NUM_PLAIN, NUM_WITHOUT_CHANCE = 50, 20, 10


def measure(seed: int) -> Figure:
    ours = kills.measure(NUM_KILLED, seed)
    return figure(
        ours, plain_training.measure(NUM_PLAIN, seed), plain_training.measure(NUM_WITHOUT_CHANCE, seed, by_chance=False)
    )


def figure(ours: Counter[tuple[str, str]], theirs: Counter[str], without_chance: Counter[str]) -> Figure:
    """Return the figure that follows from how often which outcome came."""
    by_kind = Counter({kind: times for (kind, outcome), times in ours.items() if outcome == kills.EQUAL})
    shares = [share(found[plain_training.EQUAL], found.total()) for found in (theirs, without_chance)]
    return Figure(
        ours=share(by_kind.total(), ours.total()),
        theirs=f"`BackupAndRestore`: {shares[0]}; where nothing is shuffled, dropped out or augmented {shares[1]}",
        count=f"{ours.total()} runs and {theirs.total() + without_chance.total()} of plain Keras, killed once to three"
        " times each",
        is_met=by_kind.total() == ours.total() >= 50,
        details={
            "equal by kind of kill": dict(by_kind),
            "BackupAndRestore": dict(theirs),
            "BackupAndRestore without chance": dict(without_chance),
        },
    )
