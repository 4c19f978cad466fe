"""Equal files and look-alikes are found, however many images there are."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

from cnnforge.data.decoding import DecodeSettings, decode
from cnnforge.data.duplicates import NEAR_DISTANCE, exact_groups, near_groups
from cnnforge.data.workers import perceptual_hash
from tests.unit.data.image_cases import encode, pattern


def sha(contents) -> np.ndarray:
    joined = b"".join(hashlib.sha256(str(content).encode()).digest() for content in contents)
    return np.frombuffer(joined, np.uint8).reshape(-1, 32)


def as_lists(groups) -> list[list[int]]:
    return sorted(sorted(group.tolist()) for group in groups)


@given(st.lists(st.integers(0, 8), max_size=30))
def test_equal_contents_make_groups(contents: list[int]) -> None:
    rows_of = {c: [i for i, other in enumerate(contents) if other == c] for c in contents}
    assert as_lists(exact_groups(sha(contents))) == sorted(rows for rows in rows_of.values() if len(rows) > 1)


def near_by_comparing_all(hashes: list[int]) -> list[list[int]]:
    groups = [{i} for i in range(len(hashes))]
    for i, j in itertools.combinations(range(len(hashes)), 2):
        if hashes[i] and hashes[j] and (hashes[i] ^ hashes[j]).bit_count() <= NEAR_DISTANCE:
            one, other = (next(g for g in groups if k in g) for k in (i, j))
            if one is not other:
                groups.remove(other)
                one |= other
    return sorted(sorted(group) for group in groups if len(group) > 1)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([0, 1, 2**63, 0x0F0F0F0F0F0F0F0F]), st.lists(st.integers(0, 63), max_size=4)),
        max_size=25,
    )
)
def test_every_pair_within_the_distance_is_found(seeds: list[tuple[int, list[int]]]) -> None:
    hashes = []
    for value, flips in seeds:
        for bit in flips:
            value ^= 1 << bit
        hashes.append(value)
    assert as_lists(near_groups(np.array(hashes, np.uint64), sha(range(len(hashes))))) == near_by_comparing_all(hashes)


def test_copies_alone_are_no_look_alikes() -> None:
    hashes = np.array([5, 5, 9 << 20, 9 << 20], np.uint64)
    assert as_lists(near_groups(hashes, sha(["a", "a", "b", "c"]))) == [[2, 3]]


def test_blank_pictures_are_passed_over() -> None:
    assert near_groups(np.zeros(50, np.uint64), sha(range(50))) == []


def test_a_band_that_thousands_share_takes_no_quadratic_time() -> None:
    """All share a band and no two are near: 2 × 10⁸ pairs, were all of them compared."""
    generator = np.random.default_rng(0)
    hashes = (generator.integers(0, 2**48, 20_000, np.uint64) << np.uint64(16)) | np.uint64(1)
    assert near_groups(hashes, sha(range(20_000))) == []


def photograph() -> Image.Image:
    noise = np.random.default_rng(3).integers(0, 256, (9, 12, 3), np.uint8)
    return Image.blend(
        Image.fromarray(noise).resize((480, 360), Image.Resampling.BICUBIC), Image.fromarray(pattern(360, 480)), 0.3
    )


@pytest.mark.parametrize(
    "variant",
    [
        lambda image: encode(image, quality=40),
        lambda image: encode(image.resize((240, 180)), quality=90),
        lambda image: encode(image.resize((700, 525)), "PNG"),
        lambda image: encode(image.point(lambda value: min(255, value + 12)), "WEBP"),
    ],
    ids=["recompressed", "halved", "enlarged", "brightened"],
)
def test_a_photograph_saved_anew_looks_alike(variant) -> None:
    def hash_of(content: bytes) -> int:
        return perceptual_hash(decode(content, DecodeSettings(150, 150)).image)

    original = hash_of(encode(photograph(), quality=95))
    another = hash_of(encode(photograph().transpose(Image.Transpose.ROTATE_90), quality=95))
    assert (original ^ hash_of(variant(photograph()))).bit_count() <= NEAR_DISTANCE
    assert (original ^ another).bit_count() > 10


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (9, 8), (16, 16), (4096, 5)])
def test_every_size_has_a_perceptual_hash(size: tuple[int, int]) -> None:
    assert 0 <= perceptual_hash(Image.new("RGB", size, (4, 5, 6))) < 2**64
