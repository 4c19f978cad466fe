"""Figure 1: a run that is killed with ``kill -9`` and resumed ends with the bits of the run that was not."""

from __future__ import annotations

from collections import Counter

from tests.faults import kills
from tests.reliability import plain_training
from tests.reliability.figure import Figure, share

NUM_KILLED, NUM_PLAIN, NUM_WITHOUT_CHANCE = 50, 20, 10


def measure(seed: int) -> Figure:
    ours = kills.measure(NUM_KILLED, seed)
    equal = sum(times for (_, outcome), times in ours.items() if outcome == kills.EQUAL)
    theirs = plain_training.measure(NUM_PLAIN, seed)
    without_chance = plain_training.measure(NUM_WITHOUT_CHANCE, seed, by_chance=False)
    by_kind = Counter({kind: times for (kind, outcome), times in ours.items() if outcome == kills.EQUAL})
    return Figure(
        ours=share(equal, NUM_KILLED),
        theirs=f"`BackupAndRestore`: {share(theirs[plain_training.EQUAL], NUM_PLAIN)}; where nothing is shuffled,"
        f" dropped out or augmented {share(without_chance[plain_training.EQUAL], NUM_WITHOUT_CHANCE)}",
        count=f"{NUM_KILLED} runs and {NUM_PLAIN + NUM_WITHOUT_CHANCE} of plain Keras, killed once to three times each",
        is_met=equal == NUM_KILLED,
        details={
            "equal by kind of kill": dict(by_kind),
            "BackupAndRestore": dict(theirs),
            "BackupAndRestore without chance": dict(without_chance),
        },
    )
