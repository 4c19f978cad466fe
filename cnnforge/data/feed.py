"""The feed: the batches that training, evaluation and prediction read."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import keras
import numpy as np

from cnnforge.data.image_rows import ImageRows
from cnnforge.errors import CnnforgeError

Augment = Callable[[np.ndarray, np.ndarray, np.random.Generator], tuple[np.ndarray, np.ndarray]]
"""Takes the images and targets of a batch and the only source of randomness; returns them varied."""

_QUEUED_BATCHES = 4
_ANNOUNCED_BATCHES = 4  # how far ahead rows are announced: reads four times as fast where they must come from a disk


def epoch_order(num_images: int, seed: int, epoch: int) -> np.ndarray:
    """Return the order of an epoch: a full permutation that depends on the seed and the epoch's number alone."""
    return _generator(seed, epoch).permutation(num_images)


def balanced_order(labels: np.ndarray, seed: int, epoch: int) -> np.ndarray:
    """Return an epoch's order in which every class comes equally often, as long as a plain one.

    Images of rare classes come several times, each as often as any other of its class, give or take one.
    """
    generator = _generator(seed, epoch)
    classes = np.unique(labels)
    share = math.ceil(len(labels) / len(classes))
    drawn = []
    for label in classes:
        rows = np.flatnonzero(labels == label)
        rounds = [generator.permutation(rows) for _ in range(math.ceil(share / len(rows)))]
        drawn.append(np.concatenate(rounds)[:share])
    order: np.ndarray = generator.permutation(np.concatenate(drawn))[: len(labels)]
    return order


class Feed(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of images as they are (uint8, 0 to 255) and their targets.

    Args:
        images: Where the pixels come from.
        rows: The rows of this split.
        targets: One target for each row of ``rows``, shape (rows, units).
        batch_size: Images a batch; the last batch holds what remains.
        shuffle_seed: Seed of the order of each epoch and of augmentation; None keeps the order of ``rows``.
        augment: Varies the images and targets of a batch; its generator depends on seed, epoch and batch alone.
        weights: Weight of each image in the loss, shape (rows,); None weighs all alike.
        balanced_labels: Class of each row, shape (rows,), to draw every class equally often; None draws every image
            once an epoch.
        epoch: Number of the first epoch, from 0.
        shard: Of processes that train together, this one's index and their number: each reads its part of every
            batch. So that all parts are of one size, as many images as do not divide evenly are passed over, others
            in every epoch.
    """

    def __init__(
        self,
        images: ImageRows,
        rows: np.ndarray,
        targets: np.ndarray,
        batch_size: int,
        *,
        shuffle_seed: int | None = None,
        augment: Augment | None = None,
        weights: np.ndarray | None = None,
        balanced_labels: np.ndarray | None = None,
        epoch: int = 0,
        shard: tuple[int, int] = (0, 1),
    ) -> None:
        # Threads that fill a queue. Without them Keras hands the feed to tf.data as a generator, which on two busy
        # cores started an epoch up to five seconds late, every third epoch or so (measured with TensorFlow 2.21).
        super().__init__(workers=2, max_queue_size=_QUEUED_BATCHES)
        self.images = images
        self.rows = rows
        self.targets = targets
        self.batch_size = batch_size
        self.shuffle_seed = shuffle_seed
        self.augment = augment
        self._error: CnnforgeError | None = None
        self._weights = weights
        self._balanced_labels = balanced_labels
        self._shard, self._num_shards = shard
        self.start_epoch(epoch)

    def __len__(self) -> int:
        return math.ceil(len(self._order) / self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        if index < self.first_batch:
            return self._as_they_are(self._order[:0])
        try:
            return self._batch(index)
        except CnnforgeError as error:
            self._error = error
            raise

    def _batch(self, index: int) -> tuple[np.ndarray, ...]:
        positions = self._positions(index)
        self.images.announce(self.rows[self._positions(index + _ANNOUNCED_BATCHES)])
        images, targets, *weights = self._as_they_are(positions)
        if self.augment is not None:
            randomness = _generator(self.shuffle_seed or 0, self._epoch, index, self._shard)
            images, targets = self.augment(images, targets, randomness)
        self._ready[index] = time.perf_counter()
        return images, targets, *weights

    def _as_they_are(self, positions: np.ndarray) -> tuple[np.ndarray, ...]:
        images, targets = self.images.gather(self.rows[positions]), self.targets[positions]
        return (images, targets) if self._weights is None else (images, targets, self._weights[positions])

    def _positions(self, index: int) -> np.ndarray:
        return self._order[index * self.batch_size : (index + 1) * self.batch_size][self._shard :: self._num_shards]

    @contextmanager
    def own_errors(self) -> Iterator[None]:
        """Raise what failed in the feed's threads as it was, instead of what Keras and TensorFlow make of it."""
        try:
            yield
        except Exception:
            if self._error is not None:
                raise self._error from None
            raise

    def ready_time(self, index: int) -> float:
        """Return when a batch of this epoch was last ready (``time.perf_counter``), 0 if it never was."""
        return self._ready.get(index, 0.0)

    def on_epoch_begin(self) -> None:
        self._is_under_way = True  # the threads are, too, and may have the first batch ready

    def on_epoch_end(self) -> None:
        if self._is_under_way:  # Keras calls this before the first epoch too
            self.start_epoch(self._epoch + 1)

    def start_epoch(self, epoch: int, first_batch: int = 0) -> None:
        """Give the batches of that epoch from now on; those before ``first_batch`` are empty.

        Keras always asks for an epoch from its first batch on; a resumed run lets pass what it has trained already.
        """
        self.first_batch = first_batch
        self._epoch = epoch
        self._is_under_way = False
        self._ready: dict[int, float] = {}
        if self.shuffle_seed is None:
            self._order = np.arange(len(self.rows))
        elif self._balanced_labels is not None:
            self._order = balanced_order(self._balanced_labels, self.shuffle_seed, epoch)
        else:
            self._order = epoch_order(len(self.rows), self.shuffle_seed, epoch)
        self._order = self._order[: len(self._order) // self._num_shards * self._num_shards]


def class_weights(labels: np.ndarray) -> np.ndarray:
    """Return a weight for each image so that every class weighs alike and the mean weight is 1, shape (images,)."""
    counts = np.bincount(labels)
    weights: np.ndarray = (len(labels) / (np.count_nonzero(counts) * counts[labels])).astype(np.float32)
    return weights


def _generator(*numbers: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(numbers)))


def encode_targets(labels: np.ndarray, num_classes: int, *, sparse: bool = False) -> np.ndarray:
    """Return labels as the head's loss wants them.

    Args:
        labels: Class indices, shape (images,).
        num_classes: Two give one column of 0 and 1; more give a column for each class (one-hot).
        sparse: With more than two classes, one column of class indices instead.
    """
    if num_classes == 2:
        return labels.astype(np.float32)[:, None]
    if sparse:
        return labels.astype(np.int32)[:, None]
    one_hot: np.ndarray = np.eye(num_classes, dtype=np.float32)[labels]
    return one_hot
