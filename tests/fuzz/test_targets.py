"""What fuzzing starts from is answered, and so is everything that it has found."""

from __future__ import annotations

import random

import pytest

from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_their_random_changes_are_answered(name: str) -> None:
    target, generator = TARGETS[name], random.Random(0)
    seeds = list(target.seeds())
    assert len(seeds) >= 3
    for content in seeds:
        target.run(content)
        for _ in range(20):
            changed = bytearray(content)
            changed[generator.randrange(len(changed))] = generator.randrange(256)
            target.run(bytes(changed[: generator.choice([len(changed), generator.randrange(len(changed))])]))
