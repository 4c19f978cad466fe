"""Photographs, for the command line and for Python alike: what there is of them, and opening them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cnnforge.interface import Settings, registry, resolve_recipe, terminal_reporter

if TYPE_CHECKING:
    from cnnforge.data import PreparedData
    from cnnforge.images import LabelledImages
    from cnnforge.recipe import ResolvedRecipe
    from cnnforge_data.dataset import Dataset, DataSummary


def check(data: str | Path | None = None, *, recipe: str = "directory-cnn", settings: Settings = ()) -> DataSummary:
    """Return what photographs there are; arguments as of ``cnnforge.check``."""
    resolved = resolve_recipe(recipe, data=data, settings=settings)
    images, prepared = _prepared(resolved)
    from cnnforge_data.dataset import DataSummary
    from cnnforge_data.description import describe_data

    return DataSummary(describe_data(images, prepared.manifest))


def open_data(
    data: str | Path | None = None,
    *,
    recipe: str = "directory-cnn",
    settings: Settings = (),
    augment: bool = False,
    one_hot: bool = True,
) -> Dataset:
    """Return photographs for a loop of one's own; arguments as of ``cnnforge.open_data``."""
    resolved = resolve_recipe(recipe, data=data, settings=settings)
    prepared = _prepared(resolved)[1]
    from cnnforge.system import import_keras

    import_keras()
    from cnnforge.training import make_feeds
    from cnnforge_data.dataset import Dataset

    feeds = make_feeds(resolved, prepared)
    if not augment:
        feeds["train"].augment = None
    if not one_hot:
        labels = prepared.manifest.labels
        for feed in feeds.values():
            feed.targets = labels[feed.rows].astype("int32")
    return Dataset(resolved, prepared, feeds)


def _prepared(resolved: ResolvedRecipe) -> tuple[LabelledImages, PreparedData]:
    from cnnforge.data import open_source, prepare

    images = open_source(resolved)
    with terminal_reporter(sys.stderr) as reporter:
        host = registry().host
        return images, prepare(
            resolved, images, lambda done, total: reporter.progress("Reading images", done, total), host
        )
