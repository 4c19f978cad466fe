"""The feed: every image once an epoch, in an order that seed and epoch alone decide."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from cnnforge.data.feed import _ANNOUNCED_BATCHES, Feed, encode_targets, epoch_order


class NumberedRows:
    """Images whose pixels are their row number, which remember what was asked for."""

    shape = (1, 1, 3)
    dtype = np.dtype(np.uint8)

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.announced: list[int] = []

    def gather(self, rows: np.ndarray) -> np.ndarray:
        self.asked.append(rows.tolist())
        return np.broadcast_to(rows.astype(np.uint8)[:, None, None, None], (len(rows), 1, 1, 3))

    def announce(self, rows: np.ndarray) -> None:
        self.announced += rows.tolist()


def feed(rows: np.ndarray, batch_size: int, **more: object) -> Feed:
    targets = rows.astype(np.float32)[:, None]
    return Feed(NumberedRows(), rows, targets, batch_size, **more)


def rows_of_epoch(batches: Feed) -> list[int]:
    rows = []
    for index in range(len(batches)):
        images, targets = batches[index]
        assert images.dtype == np.uint8
        assert np.array_equal(images[:, 0, 0, 0], targets[:, 0])
        rows += targets[:, 0].astype(int).tolist()
    return rows


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 200), st.integers(1, 64), st.integers(0, 2**63), st.integers(0, 1000))
def test_an_epoch_is_a_full_permutation_that_seed_and_epoch_decide(
    size: int, batch: int, seed: int, epoch: int
) -> None:
    rows = np.arange(10, 10 + size) % 251
    one, other = (rows_of_epoch(feed(rows, batch, shuffle_seed=seed, epoch=epoch)) for _ in range(2))
    assert one == other == rows[epoch_order(size, seed, epoch)].tolist()
    assert sorted(one) == sorted(rows.tolist())


def test_epochs_and_seeds_differ() -> None:
    orders = {tuple(epoch_order(50, seed, epoch)) for seed in range(10) for epoch in range(10)}
    assert len(orders) == 100


def test_every_place_is_as_likely_for_every_image() -> None:
    """A window of shuffling, as others use, leaves early images early."""
    places = np.array([np.argsort(epoch_order(100, 7, epoch)) for epoch in range(2000)])
    assert np.abs(places.mean(axis=0) - 49.5).max() < 4.5 * 28.9 / 2000**0.5


def test_the_next_epoch_follows_and_any_epoch_can_be_the_first() -> None:
    running = feed(np.arange(40), 7, shuffle_seed=3)
    for _ in range(2):
        running.on_epoch_begin()
        rows_of_epoch(running)
        running.on_epoch_end()
    assert rows_of_epoch(running) == rows_of_epoch(feed(np.arange(40), 7, shuffle_seed=3, epoch=2))


def test_any_position_can_be_jumped_to() -> None:
    batches = feed(np.arange(40), 7, shuffle_seed=3)
    whole = rows_of_epoch(batches)
    assert batches[4][1][:, 0].tolist() == whole[28:35]


def test_a_resumed_epoch_gives_nothing_until_where_it_was_interrupted() -> None:
    whole, resumed = (feed(np.arange(40), 7, shuffle_seed=3, epoch=5) for _ in range(2))
    resumed.start_epoch(5, first_batch=2)
    assert len(resumed) == len(whole)
    assert [len(resumed[index][0]) for index in range(3)] == [0, 0, 7]
    assert rows_of_epoch(resumed) == rows_of_epoch(whole)[14:]
    resumed.start_epoch(6)
    assert rows_of_epoch(resumed) == rows_of_epoch(feed(np.arange(40), 7, shuffle_seed=3, epoch=6))


def test_rows_are_announced_before_they_are_wanted() -> None:
    batches = feed(np.arange(40), 3, shuffle_seed=3)
    assert rows_of_epoch(batches)[3 * _ANNOUNCED_BATCHES :] == batches.images.announced


def test_the_last_batch_holds_what_remains() -> None:
    batches = feed(np.arange(25), 10)
    assert [len(batches[index][0]) for index in range(len(batches))] == [10, 10, 5]


def test_without_a_seed_the_order_is_the_rows_own_in_every_epoch() -> None:
    batches = feed(np.array([5, 3, 9, 1]), 3)
    for _ in range(2):
        assert rows_of_epoch(batches) == [5, 3, 9, 1]
        batches.on_epoch_end()


@pytest.mark.parametrize(
    ("num_classes", "sparse", "expected", "dtype"),
    [
        (2, False, [[0], [1], [1]], "float32"),
        (2, True, [[0], [1], [1]], "float32"),
        (3, False, [[1, 0, 0], [0, 1, 0], [0, 1, 0]], "float32"),
        (3, True, [[0], [1], [1]], "int32"),
    ],
)
def test_targets_are_what_the_head_wants(num_classes: int, sparse: bool, expected: list, dtype: str) -> None:
    targets = encode_targets(np.array([0, 1, 1]), num_classes, sparse=sparse)
    assert targets.tolist() == expected
    assert targets.dtype == dtype


def rows_given(batches: Feed, size: int, epochs: int) -> list[list[int]]:
    """The rows of each epoch, without the batches that Keras reads before the first to learn their shapes."""
    rows = [row for asked in batches.images.asked for row in asked][-size * epochs :]
    return [rows[start : start + size] for start in range(0, len(rows), size)]


@pytest.mark.parametrize("first", [0, 5])
def test_keras_trains_on_every_image_once_an_epoch_in_that_order(first: int) -> None:
    model = keras.Sequential([keras.Input((1, 1, 3)), keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    training = feed(np.arange(23), 5, shuffle_seed=11, epoch=first)
    validation = feed(np.arange(100, 112), 5)
    model.fit(training, validation_data=validation, initial_epoch=first, epochs=first + 3, shuffle=False, verbose=0)
    expected = [epoch_order(23, 11, epoch).tolist() for epoch in range(first, first + 3)]
    assert rows_given(training, 23, 3) == expected
    assert rows_given(validation, 12, 3) == [list(range(100, 112))] * 3


@settings(max_examples=50, deadline=None)
@given(st.integers(4, 200), st.integers(1, 4), st.integers(1, 8), st.integers(0, 5))
def test_processes_that_train_together_share_every_batch(size: int, num: int, per_process: int, epoch: int) -> None:
    rows, batch_size = np.arange(size), num * per_process
    shards = [feed(rows, batch_size, shuffle_seed=3, epoch=epoch, shard=(index, num)) for index in range(num)]
    alone = feed(rows, batch_size, shuffle_seed=3, epoch=epoch)
    seen: list[int] = []
    for index in range(len(shards[0])):
        parts = [shard[index][1][:, 0].astype(int).tolist() for shard in shards]
        assert len({len(part) for part in parts}) == 1
        whole = alone[index][1][:, 0].astype(int).tolist()
        together = [row for part in parts for row in part]
        assert sorted(together) == sorted(whole[: len(whole) // num * num])
        seen += together
    assert {len(shard) for shard in shards} == {len(shards[0])}
    assert len(seen) == len(set(seen)) == size // num * num


def test_processes_that_train_together_vary_their_images_differently() -> None:
    def draw(images, targets, generator):
        return images, np.full_like(targets, generator.random())

    shards = [feed(np.arange(8), 4, shuffle_seed=0, shard=(index, 2), augment=draw) for index in range(2)]
    assert shards[0][0][1][0, 0] != shards[1][0][1][0, 0]
