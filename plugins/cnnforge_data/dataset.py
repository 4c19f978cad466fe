"""What Python users get of photographs: what there is of them, and the batches of a loop of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnforge.errors import DataError, RecipeError
from cnnforge.recipe import ResolvedRecipe
from cnnforge_data.description import data_lines

if TYPE_CHECKING:
    import tensorflow as tf

    from cnnforge.data import Feed, Manifest, PreparedData


class DataSummary:
    """What photographs there are.

    Args:
        facts: What ``cnnforge data check --json`` prints.
    """

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self.facts = dict(facts)

    @property
    def class_names(self) -> list[str]:
        """The classes."""
        return list(self.facts["class_names"])

    @property
    def splits(self) -> dict[str, dict[str, int]]:
        """How many images of each class are in each split."""
        return dict(self.facts["splits"])

    @property
    def left_out(self) -> list[dict[str, str]]:
        """The files that cannot be used: ``name`` and ``reason``."""
        return list(self.facts["left_out"])

    @property
    def warnings(self) -> list[str]:
        """What one should know before training on them."""
        return list(self.facts["warnings"])

    def __repr__(self) -> str:
        return "\n".join(data_lines(self.facts))

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>"


class Dataset:
    """Photographs as CNNForge trains on them: decoded once, split by content, in an exact order.

    ``train``, ``validation`` and ``test`` are ``keras.utils.PyDataset`` of (images uint8 0 to 255, targets), for
    ``model.fit(data.train, validation_data=data.validation, shuffle=False)``: the order of each epoch is a permutation
    of the seed and the epoch's number, and ``train.start_epoch(epoch)`` goes on with that epoch.

    Args:
        resolved: The recipe.
        data: The images.
        feeds: By split.
    """

    def __init__(self, resolved: ResolvedRecipe, data: PreparedData, feeds: Mapping[str, Feed]) -> None:
        self._resolved = resolved
        self._data = data
        self._feeds = feeds

    @property
    def train(self) -> Feed:
        """The training images, shuffled."""
        return self._feed("train")

    @property
    def validation(self) -> Feed:
        """The validation images."""
        return self._feed("validation")

    @property
    def test(self) -> Feed:
        """The test images."""
        return self._feed("test")

    @property
    def class_names(self) -> list[str]:
        """The classes, in the order of their labels."""
        return list(self._data.manifest.class_names)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the images."""
        return self._resolved.input_shape

    @property
    def manifest(self) -> Manifest:
        """Every image with its split, or why it is left out."""
        return self._data.manifest

    def arrays(self, split: str = "train") -> tuple[np.ndarray, np.ndarray]:
        """Return all images of a split, uint8 (images, height, width, channels), and their labels, in manifest order.

        Raises:
            DataError: There are no images in the split.
        """
        rows = self._feed(split).rows
        return self._data.rows.gather(rows), self._data.manifest.labels[rows]

    def to_tf(self, split: str = "train") -> tf.data.Dataset:
        """Return the batches of a split as ``tf.data.Dataset``, of training images another order in each epoch.

        Raises:
            DataError: There are no images in the split.
        """
        import tensorflow as tf

        feed = self._feed(split)
        images, targets = feed[0][:2]
        signature = tuple(tf.TensorSpec((None, *array.shape[1:]), array.dtype) for array in (images, targets))
        batches = tf.data.Dataset.from_generator(lambda: _epoch(feed), output_signature=signature)
        return batches.apply(tf.data.experimental.assert_cardinality(len(feed)))

    def to_torch(self, split: str = "train") -> Any:
        """Return a ``torch.utils.data.Dataset`` of a split: (image uint8 (channels, height, width), label).

        Raises:
            DataError: There are no images in the split.
            RecipeError: PyTorch is not installed.
        """
        try:
            import torch
            from torch.utils.data import TensorDataset
        except ModuleNotFoundError as error:
            raise RecipeError("to_torch needs torch, which is not installed", hint="pip install torch") from error
        images, labels = self.arrays(split)
        return TensorDataset(torch.from_numpy(np.moveaxis(images, 3, 1).copy()), torch.from_numpy(labels.astype(int)))

    def _feed(self, split: str) -> Feed:
        if split not in self._feeds:
            raise DataError(
                f"expected a split that the data have, received split={split}. Available: {', '.join(self._feeds)}"
            )
        return self._feeds[split]

    def __repr__(self) -> str:
        splits = ", ".join(f"{split} {len(feed.rows):,}" for split, feed in self._feeds.items())
        return f"Dataset({self._data.location!r}: {splits}; {', '.join(self.class_names)})"


def _epoch(feed: Feed) -> Any:
    """Yield the batches of an epoch, and make the next one ready."""
    feed.on_epoch_begin()
    for index in range(len(feed)):
        yield feed[index][:2]
    feed.on_epoch_end()
