"""Frozen backbones run once: their features are computed for every image, kept on disk, and the head trains on them.

The features of a set of images are one NumPy file ``<cache>/features/<key>.npy``, shape (images, …), float32. The key
is a hash of the backbone (its layers, weights and arithmetic) and of the images' content and decoding. Beside it is
the checksum of the file, ``<key>.xxh3``; features that lack it or differ from it are computed anew.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any

import filelock
import keras
import numpy as np

from cnnforge.data import DecodeSettings, Feed, ImageRows, PreparedData, features_dir, settings_key
from cnnforge.errors import PluginError
from cnnforge.network import components, trains_itself
from cnnforge.recipe import ResolvedRecipe
from cnnforge.system import Reporter, files

_BATCH_SIZE = 64
_MAX_KEPT = 8  # sets of features; the least recently used go first


class OnFeatures(keras.Model):  # type: ignore[misc]
    """A whole network that is trained on the features of its images: what a checkpoint saves is the whole of it.

    Args:
        whole: The network; its variables are this model's, in its order.
        head: The part of it that takes features.
    """

    def __init__(self, whole: keras.Model, head: keras.Model) -> None:
        super().__init__(name=whole.name)
        self.whole = whole
        self.head = head

    def call(self, features: keras.KerasTensor, training: bool | None = None) -> keras.KerasTensor:
        """Return the probabilities that the head makes of features."""
        return self.head(features, training=training)

    def save(self, *arguments: Any, **keywords: Any) -> None:
        """Save the whole network, as callbacks of Keras may ask."""
        self.whole.save(*arguments, **keywords)

    def save_weights(self, *arguments: Any, **keywords: Any) -> None:
        """Save the weights of the whole network."""
        self.whole.save_weights(*arguments, **keywords)


class FeatureRows(ImageRows):
    """Features of the images of some rows, in place of their pixels.

    Args:
        features: Shape (rows, …), float32.
        rows: The rows they belong to, ascending.
    """

    def __init__(self, features: np.ndarray, rows: np.ndarray) -> None:
        self.shape = features.shape[1:]
        self._features = features
        self._rows = rows

    def gather(self, rows: np.ndarray) -> np.ndarray:
        """Return the features of those rows."""
        features: np.ndarray = self._features[np.searchsorted(self._rows, rows)]
        return features


def split_at(model: keras.Model, name: str) -> tuple[keras.Model, keras.Model]:
    """Return the backbone, up to the layer of that name, and the head, the rest; both share the model's variables.

    Raises:
        ValueError: There is no such layer, or the head takes more than its output, or the model is no graph of layers.
    """
    if not hasattr(model, "input_shape"):
        raise ValueError(f"a subclass of keras.Model, whose layers {name!r} cannot divide")
    features = model.get_layer(name).output
    return keras.Model(model.input, features, name="backbone"), keras.Model(features, model.output, name="head")


def run_backbone_once(
    model: keras.Model, resolved: ResolvedRecipe, data: PreparedData, feeds: dict[str, Feed], reporter: Reporter
) -> tuple[keras.Model, dict[str, Feed]]:
    """Return what is to be trained and on what: the model on its backbone's features if it is frozen, else as it is.

    Raises:
        PluginError: The architecture names a backbone that its network does not have.
        StorageError: The features cannot be written.
    """
    name = resolved.architecture.spec.backbone
    if name is None:
        return model, feeds
    try:
        backbone, head = split_at(model, name)
    except ValueError as error:
        owner = f"architecture {resolved.architecture.spec.name!r} of plugin {resolved.architecture.plugin}"
        raise PluginError(f"{owner}: expected the layer {name!r}, its backbone, received a network: {error}") from error
    if backbone.trainable_variables:
        return model, feeds
    if reason := _why_not_once(model, backbone, resolved):
        reporter.say(f"Backbone frozen, and run in every epoch all the same: {reason}")
        return model, feeds
    used = {split: feed for split, feed in feeds.items() if split in ("train", "validation")}
    rows = np.unique(np.concatenate([feed.rows for feed in used.values()]))
    features = FeatureRows(_features(backbone, resolved, data, rows, reporter), rows)
    trained = OnFeatures(model, head)
    # With the whole network's own optimizer, so that what callbacks of Keras save of it can be trained on.
    trained.compile(model.optimizer, model.loss, metrics=components.build_metrics(resolved.recipe.training))
    return trained, {split: _on(feed, features) for split, feed in used.items()}


def _why_not_once(model: keras.Model, backbone: keras.Model, resolved: ResolvedRecipe) -> str:
    """Return why training needs the images in every epoch though the backbone is frozen, or an empty text."""
    if trains_itself(model):
        return "the network computes its own loss or training step, which may look at the images"
    if resolved.recipe.training.augmentation.is_on:
        return "augmentation varies the images"
    if len(backbone.variables) > len(backbone.weights):  # more than weights: the state of random numbers
        return "it has layers that are random in training"
    return ""


def _on(feed: Feed, features: FeatureRows) -> Feed:
    changed = copy.copy(feed)
    changed.images = features
    return changed


def _features(
    backbone: keras.Model, resolved: ResolvedRecipe, data: PreparedData, rows: np.ndarray, reporter: Reporter
) -> np.ndarray:
    """Return the features of those rows, from the disk if they were computed before."""
    path = features_dir() / f"{_key(backbone, resolved, data, rows)}.npy"
    start = time.perf_counter()
    with files.storage_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(path.with_suffix(".lock")):
            is_known = _is_sound(path, len(rows))
            if not is_known:
                if path.exists():
                    reporter.warn("The features kept on disk are damaged, or without a checksum: computed anew")
                _compute(backbone, data, rows, path, reporter)
    os.utime(path)
    _remove_oldest(path.parent)
    features: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    how = "computed before" if is_known else f"computed once, in {time.perf_counter() - start:.0f} s"
    size = "×".join(f"{side:,}" for side in features.shape[1:])
    reporter.finish(f"Backbone frozen: {size} features of {len(rows):,} images {how}; the head trains on them")
    return features


def _compute(backbone: keras.Model, data: PreparedData, rows: np.ndarray, path: Path, reporter: Reporter) -> None:
    shape = (len(rows), *backbone.output_shape[1:])
    with files.replacing(path) as temporary, temporary.open("wb") as file:
        # Written, not mapped: on a full disk a write raises an error, a mapped page ends the process.
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_2_0(file, header)
        for done in range(0, len(rows), _BATCH_SIZE):
            reporter.progress("Running the backbone", done, len(rows))
            batch = rows[done : done + _BATCH_SIZE]
            data.rows.announce(rows[done + _BATCH_SIZE : done + 2 * _BATCH_SIZE])
            file.write(backbone.predict_on_batch(data.rows.gather(batch)).astype("<f4").tobytes())
        file.flush()
        files.write_text(_checksum_file(path), files.checksum(temporary))


def _is_sound(path: Path, num_rows: int) -> bool:
    try:
        is_whole = files.checksum(path) == _checksum_file(path).read_text(encoding="utf-8")
        return is_whole and len(np.load(path, mmap_mode="r", allow_pickle=False)) == num_rows
    except (OSError, ValueError, EOFError):
        return False


def _checksum_file(path: Path) -> Path:
    return path.with_suffix(".xxh3")


def _remove_oldest(folder: Path) -> None:
    kept = sorted(folder.glob("*.npy"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in kept[_MAX_KEPT:]:
        with contextlib.suppress(OSError):  # Windows keeps what another run has open
            path.unlink()
            _checksum_file(path).unlink(missing_ok=True)
            path.with_suffix(".lock").unlink()


def _key(backbone: keras.Model, resolved: ResolvedRecipe, data: PreparedData, rows: np.ndarray) -> str:
    settings = DecodeSettings.of(resolved.recipe.data, resolved.input_shape)
    facts = [_layers(backbone), settings_key(settings), keras.__version__, keras.backend.backend()]
    digest = hashlib.blake2b(json.dumps(facts).encode(), digest_size=12)
    for weight in backbone.weights:
        digest.update(keras.ops.convert_to_numpy(weight).tobytes())
    digest.update(data.manifest.scanned.sha256[rows].tobytes())
    return digest.hexdigest()


def _layers(backbone: keras.Model) -> str:
    """Return the backbone's layers and their arithmetic, without the names that Keras makes up in each process."""
    text = json.dumps(backbone.get_config(), default=str)
    for number, layer in enumerate(backbone.layers):
        text = text.replace(f'"{layer.name}"', f'"{number}"')
    return text
