"""Damaged stores: 100 faults in pixels, columns and descriptions of an image store, its size unchanged or not."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from cnnforge.data import store
from cnnforge.data.decoding import DecodeSettings
from cnnforge.data.scanning import scan
from cnnforge.images import LabelledImages
from tests.reliability.figure import Figure, share

NUM_FAULTS, NUM_IMAGES = 100, 40
SETTINGS = DecodeSettings(24, 32)
Fault = Callable[[bytearray, random.Random], None]


def zeroed_half(content: bytearray, chance: random.Random) -> None:
    start = chance.choice((0, len(content) // 2))
    content[start : start + len(content) // 2] = bytes(len(content) // 2)


def flipped_bits(content: bytearray, chance: random.Random) -> None:
    for position in range(chance.randrange(min(997, len(content))), len(content), 997):
        content[position] ^= 1 << chance.randrange(8)


def one_bit(content: bytearray, chance: random.Random) -> None:
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)


def truncated(content: bytearray, chance: random.Random) -> None:
    del content[chance.randrange(len(content)) :]


def swapped(content: bytearray, chance: random.Random) -> None:
    size = max(1, len(content) // NUM_IMAGES)
    one, other = (number * size for number in chance.sample(range(len(content) // size), 2))
    content[one : one + size], content[other : other + size] = content[other : other + size], content[one : one + size]


def longer(content: bytearray, chance: random.Random) -> None:
    content.extend(chance.randbytes(100))


FAULTS: tuple[Fault, ...] = (zeroed_half, flipped_bits, one_bit, truncated, swapped, longer)
FILES = (store.IMAGES, store.IMAGES, "scan.npz", "reasons.json", "identities.npy", "store.json")


def measure(seed: int) -> Figure:
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="cnnforge-store-") as name:
        images = photographs(Path(name))
        expected = decoded(images)[1]
        outcomes = [_outcome(images, expected, chance, number) for number in range(NUM_FAULTS)]
    noticed = sum(is_said and is_right for is_said, is_right, _ in outcomes)
    return Figure(
        ours=share(noticed, NUM_FAULTS),
        theirs=f"a file of pixels that is checked for its size only: {share(sum(o[2] for o in outcomes), NUM_FAULTS)}",
        count=f"{NUM_FAULTS} faults of {len(FAULTS)} kinds in {len(set(FILES))} files of a store",
        is_met=noticed == NUM_FAULTS,
    )


def _outcome(
    images: LabelledImages, expected: np.ndarray, chance: random.Random, number: int
) -> tuple[bool, bool, bool]:
    """Damage the store; return whether that is said, whether the pixels are right, and whether its size tells it."""
    (info,) = store.list_stores()
    path, fault = info.path / FILES[number % len(FILES)], FAULTS[number // len(FILES) % len(FAULTS)]
    before = path.read_bytes()
    content = bytearray(before)
    fault(content, chance)
    if content == before:  # two equal bytes swapped, zeros zeroed
        one_bit(content, chance)
    path.write_bytes(content)
    notes, pixels = decoded(images)
    return any("built anew" in note for note in notes), np.array_equal(pixels, expected), len(content) != len(before)


def photographs(folder: Path) -> LabelledImages:
    """Return drawn pictures in a folder."""
    generator = np.random.default_rng(0)
    names = [f"{number}.png" for number in range(NUM_IMAGES)]
    for name in names:
        Image.fromarray(generator.integers(0, 256, (24, 32, 3), np.uint8)).save(folder / name)
    return LabelledImages(
        class_names=["a", "b"],
        names=names,
        labels=[number % 2 for number in range(NUM_IMAGES)],
        read=lambda row: (folder / names[row]).read_bytes(),
        signatures=["1"] * NUM_IMAGES,
        location=str(folder),
    )


def decoded(images: LabelledImages) -> tuple[tuple[str, ...], np.ndarray]:
    """Return what is said of the store, and every image's pixels."""
    result = scan(images, SETTINGS, "disk", lambda done, total: None)
    return result.notes, result.rows.gather(np.arange(NUM_IMAGES))
