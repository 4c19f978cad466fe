"""Small files that take long are refused by their structure; ordinary files that look like them are read."""

from __future__ import annotations

import time

import numpy as np
import pytest

from cnnforge.data.decoding import DecodeSettings, decode
from cnnforge.data.effort import BoundedReader, UnreadableImageError
from tests.unit.data.flood_cases import FLOODS, NO_FLOODS
from tests.unit.data.image_cases import Case

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning:PIL"),
    pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning"),
]
MAX_SECONDS = 3.0  # of a processor, on a slow machine; without limits each takes from that to minutes


@pytest.mark.parametrize("case", FLOODS, ids=str)
def test_a_flood_is_refused_before_it_takes_long(case: Case) -> None:
    content = case.make()
    start = time.thread_time()
    with pytest.raises(UnreadableImageError, match=case.reason):
        decode(content, DecodeSettings(150, 150))
    assert time.thread_time() - start < MAX_SECONDS


@pytest.mark.parametrize("case", NO_FLOODS, ids=str)
def test_an_ordinary_file_is_read(case: Case) -> None:
    assert case.pixels is not None
    decoded = decode(case.make(), DecodeSettings(*case.pixels.shape[:2]))
    difference = np.abs(decoded.pixels.astype(int) - case.pixels)
    assert (difference.mean() <= case.mean, difference.max() <= case.largest) == (True, True)
    assert decoded.format == case.format


def test_a_reader_gives_what_the_file_holds_until_its_pieces_are_used_up() -> None:
    reader = BoundedReader(bytes(range(100)))
    reader.num_left = 2
    assert reader.read(2) + reader.read() == bytes(range(100))
    with pytest.raises(UnreadableImageError, match="too many pieces"):
        reader.read(1)
