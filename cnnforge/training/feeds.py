"""The feeds of a run: training images shuffled, balanced and varied, and a picture of that; the others as they are."""

from __future__ import annotations

import inspect
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from cnnforge.data import ExtraAugmentation, Feed, PreparedData, augment_batch, class_weights, encode_targets
from cnnforge.errors import DataError, RecipeError
from cnnforge.host import import_deferred
from cnnforge.images import SPLITS
from cnnforge.network import components
from cnnforge.recipe import Component, ResolvedRecipe, TrainingSection
from cnnforge.system import files, process_position

_SHEET_ROWS, _SHEET_VARIANTS = 4, 7
_SHEET_MAX_SIDE = 112


def make_feeds(resolved: ResolvedRecipe, data: PreparedData) -> dict[str, Feed]:
    """Return a feed for each split that has images.

    Raises:
        DataError: The split to evaluate on has none.
        PluginError: A further augmentation cannot be imported.
        RecipeError: Settings that exclude each other.
    """
    training, wanted = resolved.recipe.training, resolved.recipe.evaluation.split
    is_sparse = components.wants_class_indices(components.build_loss(training, len(data.manifest.class_names)))
    _check(training, is_sparse=is_sparse and len(data.manifest.class_names) > 2)
    feeds = {
        split: _feed(split, resolved, data, is_sparse=is_sparse) for split in SPLITS if len(data.manifest.rows(split))
    }
    if wanted not in feeds:
        raise DataError(
            f"expected images in the split to evaluate on, received evaluation.split={wanted}, which has none",
            hint="raise data.test_fraction, or evaluate on another split: --set evaluation.split=validation",
        )
    return feeds


def _feed(split: str, resolved: ResolvedRecipe, data: PreparedData, *, is_sparse: bool) -> Feed:
    training = resolved.recipe.training
    rows = data.manifest.rows(split)
    labels = data.manifest.labels[rows]
    targets = encode_targets(labels, len(data.manifest.class_names), sparse=is_sparse)
    shard = process_position()
    if split != "train":
        return Feed(data.rows, rows, targets, training.batch_size, shard=shard)
    augmentation = training.augmentation
    extra = [_extra(item, resolved) for item in augmentation.extra]
    return Feed(
        data.rows,
        rows,
        targets,
        training.batch_size,
        shuffle_seed=training.seed,
        augment=partial(augment_batch, settings=augmentation, extra=extra) if augmentation.is_on else None,
        weights=class_weights(labels) if training.class_balance == "weights" else None,
        balanced_labels=labels if training.class_balance == "sampling" else None,
        shard=shard,
    )


def _extra(item: Component, resolved: ResolvedRecipe) -> ExtraAugmentation:
    """Return an augmentation of a plugin, or a function that the recipe names, with its options."""
    if item.name in resolved.augmentations:
        entry = resolved.augmentations[item.name]
        owner = f"augmentation {item.name!r} of plugin {entry.plugin}"
        options = entry.spec.options.model_validate(item.arguments)
        return ExtraAugmentation(owner, partial(import_deferred(entry.spec.apply, owner), options=options))
    owner = f"training.augmentation.extra: {item.name}"
    function = import_deferred(item.name, owner)
    try:
        inspect.signature(function).bind("images", "generator", **item.arguments)
    except TypeError as error:
        raise RecipeError(
            f"{owner} does not accept its arguments: {error}",
            hint="it takes (images, generator) and, by name, what stands beside it in the recipe",
        ) from error
    return ExtraAugmentation(owner, partial(function, **item.arguments))


def _check(training: TrainingSection, *, is_sparse: bool) -> None:
    num_processes = process_position()[1]
    if training.batch_size % num_processes:
        raise RecipeError(
            f"expected training.batch_size to be a multiple of the {num_processes} processes that train together,"
            f" received training.batch_size={training.batch_size}"
        )
    if not training.augmentation.mixes_images:
        return
    if is_sparse:
        raise RecipeError(
            f"mixup and cutmix need a loss with a target for each class, received training.loss={training.loss.name}"
        )
    if training.class_balance == "weights":
        raise RecipeError(
            "mixup and cutmix blend images of several classes, so no one weight fits, received"
            " training.class_balance=weights",
            hint="balance by sampling: --set training.class_balance=sampling",
        )


def write_augmentation_sheet(path: Path, feed: Feed) -> None:
    """Write a picture for the report: a row for each of four training images, as it is and in seven variants."""
    if feed.augment is None:
        return
    rows = feed.rows[np.linspace(0, len(feed.rows) - 1, _SHEET_ROWS).astype(int)]
    images, targets = feed.images.gather(rows), np.zeros((_SHEET_ROWS, 1), np.float32)
    variants = [feed.augment(images, targets, np.random.default_rng(n))[0] for n in range(_SHEET_VARIANTS)]
    columns = [np.concatenate(list(batch)) for batch in (images, *variants)]
    sheet = np.concatenate(columns, axis=1)
    picture = Image.fromarray(sheet[:, :, 0] if sheet.shape[2] == 1 else sheet)
    picture.thumbnail((_SHEET_MAX_SIDE * (_SHEET_VARIANTS + 1), _SHEET_MAX_SIDE * _SHEET_ROWS))
    with files.replacing(path) as temporary:
        picture.save(temporary, quality=85)
