"""The feed: the batches that training, evaluation and prediction read."""

from __future__ import annotations

import math
import time

import keras
import numpy as np

from cnnforge.data.image_rows import ImageRows


def epoch_order(num_images: int, seed: int, epoch: int) -> np.ndarray:
    """Return the order of an epoch: a full permutation that depends on the seed and the epoch's number alone."""
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, epoch])))
    return generator.permutation(num_images)


class Feed(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of images as they are (uint8, 0 to 255) and their targets.

    Args:
        images: Where the pixels come from.
        rows: The rows of this split.
        targets: One target for each row of ``rows``, shape (rows, units).
        batch_size: Images a batch; the last batch holds what remains.
        shuffle_seed: Seed of the order of each epoch; None keeps the order of ``rows``.
        epoch: Number of the first epoch, from 0.
    """

    def __init__(
        self,
        images: ImageRows,
        rows: np.ndarray,
        targets: np.ndarray,
        batch_size: int,
        *,
        shuffle_seed: int | None = None,
        epoch: int = 0,
    ) -> None:
        super().__init__(workers=1)
        self.images = images
        self.rows = rows
        self.targets = targets
        self.batch_size = batch_size
        self.shuffle_seed = shuffle_seed
        self._set_epoch(epoch)

    def __len__(self) -> int:
        return math.ceil(len(self.rows) / self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = self._order[index * self.batch_size : (index + 1) * self.batch_size]
        batch = self.images.gather(self.rows[chosen]), self.targets[chosen]
        self._ready[index] = time.perf_counter()
        return batch

    def ready_time(self, index: int) -> float:
        """Return when a batch of this epoch was last ready (``time.perf_counter``), 0 if it never was."""
        return self._ready.get(index, 0.0)

    def on_epoch_end(self) -> None:
        self._set_epoch(self._epoch + 1)

    def _set_epoch(self, epoch: int) -> None:
        self._epoch = epoch
        self._ready: dict[int, float] = {}
        num_images = len(self.rows)
        shuffled = self.shuffle_seed is not None
        self._order = epoch_order(num_images, self.shuffle_seed or 0, epoch) if shuffled else np.arange(num_images)


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
