"""A picture of what augmentation does to the training images, for the report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from cnnforge.data import Feed, augment_batch
from cnnforge.recipe import AugmentationSection
from cnnforge.system import files

_ROWS, _VARIANTS = 4, 7
_MAX_SIDE = 112


def write_sheet(path: Path, feed: Feed, settings: AugmentationSection) -> None:
    """Write a picture: a row for each of four training images, as it is and in seven variants."""
    rows = feed.rows[np.linspace(0, len(feed.rows) - 1, _ROWS).astype(int)]
    images, targets = feed.images.gather(rows), np.zeros((_ROWS, 1), np.float32)
    variants = [augment_batch(images, targets, np.random.default_rng(n), settings)[0] for n in range(_VARIANTS)]
    columns = [np.concatenate(list(batch)) for batch in (images, *variants)]
    sheet = np.concatenate(columns, axis=1)
    picture = Image.fromarray(sheet[:, :, 0] if sheet.shape[2] == 1 else sheet)
    picture.thumbnail((_MAX_SIDE * (_VARIANTS + 1), _MAX_SIDE * _ROWS))
    with files.replacing(path) as temporary:
        picture.save(temporary, quality=85)
