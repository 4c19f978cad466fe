"""The data source ``catsdogs``: photographs where there are any, else the drawn sample."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cnnforge
from cnnforge.errors import DataError
from cnnforge.images import ImageFile, ImageFiles, meant_name, open_files
from cnnforge_catsdogs import CatsDogsOptions
from cnnforge_catsdogs.download import ARCHIVE, downloaded_path

if TYPE_CHECKING:
    import numpy as np

CLASS_NAMES = ("cat", "dog")
_EXPECTED = (
    "PetImages/Cat/1.jpg and PetImages/Dog/1.jpg (Microsoft's), or train/cat.0.jpg and train/dog.0.jpg (Kaggle's)"
)
_DIRECTORY_HINT = "folders of other classes or names: cnnforge run directory-cnn --data {path}"
_KAGGLE_NAME = re.compile(r"(cat|dog)\.\d+\.jpe?g")

_ClassOf = Callable[[str], tuple[str, str] | None]
"""Tells of a file's name where the set lies that it belongs to, and its class; None if it belongs to none."""


def open_source(options: CatsDogsOptions) -> cnnforge.LabelledImages:
    """Return the photographs at ``options.path``, else the downloaded ones, else the drawn sample.

    Archives and folders are read in place.

    Raises:
        DataError: There is nothing at the path, or it is no set of cats and dogs.
    """
    if options.path is not None:
        return _photographs(options.path)
    downloaded = downloaded_path()
    return _photographs(downloaded) if downloaded.is_file() else _drawn_sample(options.drawn_seed)


def _photographs(path: Path) -> cnnforge.LabelledImages:
    files = open_files(path)
    labels = _labels(files, path)
    chosen = [file for file in files.files if file.name in labels]
    names = [file.name for file in chosen]
    others = (file for file in files.files if file.name not in labels)
    return cnnforge.LabelledImages(
        class_names=CLASS_NAMES,
        names=names,
        labels=[labels[name] for name in names],
        read=files.reader(names),
        signatures=[file.signature for file in chosen],
        left_out=[
            *files.left_out,
            *(cnnforge.LeftOut(file.name, "neither cat nor dog by its name") for file in others),
        ],
        location=files.location,
    )


def _labels(files: ImageFiles, path: Path) -> dict[str, int]:
    """Return the label of each file that is a cat or a dog by its folder or its name.

    Raises:
        DataError: There is none, or there are several sets.
    """
    sets = _sets(files.files, _by_folder) or _sets(files.files, _by_name)
    hint = _DIRECTORY_HINT.format(path=path)
    if not sets:
        raise DataError(f"expected {_EXPECTED}, received path={path} with {_found(files)}", hint=hint)
    if len(sets) > 1:
        places = ", ".join(place or "." for place in sorted(sets))
        raise DataError(f"expected one set of cats and dogs, received path={path} with several: {places}", hint=hint)
    (members,) = sets.values()
    return {name: CLASS_NAMES.index(class_name) for name, class_name in members.items()}


def _sets(files: Iterable[ImageFile], class_of: _ClassOf) -> dict[str, dict[str, str]]:
    """Return for each place that holds cats or dogs the class of its files."""
    found: dict[str, dict[str, str]] = {}
    for file in files:
        if known := class_of(file.name):
            place, class_name = known
            found.setdefault(place, {})[file.name] = class_name
    return found


def _by_folder(name: str) -> tuple[str, str] | None:
    """Microsoft's shape: ``PetImages/Cat/1.jpg``."""
    place, _, folder = name.rpartition("/")[0].rpartition("/")
    class_name = meant_name(folder.lower().removesuffix(".zip"))
    return (place, class_name) if class_name in CLASS_NAMES else None


def _by_name(name: str) -> tuple[str, str] | None:
    """Kaggle's shape: ``train/cat.0.jpg``."""
    place, _, file_name = name.rpartition("/")
    match = _KAGGLE_NAME.fullmatch(meant_name(file_name))
    return (place, match[1]) if match else None


def _found(files: ImageFiles) -> str:
    if not files.files:
        return "no photographs in it"
    examples = ", ".join(file.name for file in files.files[:3])
    return f"{len(files.files)} files such as {examples}"


@dataclass(frozen=True, slots=True)
class _DrawnPicture:
    """Reads the drawn sample by drawing it."""

    seed: int

    def __call__(self, index: int) -> np.ndarray:
        from cnnforge_catsdogs import drawing

        return drawing.draw(index, self.seed)


def _drawn_sample(seed: int) -> cnnforge.LabelledImages:
    from cnnforge_catsdogs import drawing

    labels = [drawing.label(index) for index in range(drawing.NUM_IMAGES)]
    return cnnforge.LabelledImages(
        class_names=CLASS_NAMES,
        names=[f"drawn/{CLASS_NAMES[label]}.{index // 2}" for index, label in enumerate(labels)],
        labels=labels,
        read=_DrawnPicture(seed),
        signatures=[f"drawn-{drawing.VERSION}-{seed}-{index}" for index in range(drawing.NUM_IMAGES)],
        location=f"the drawn sample, seed {seed}",
        notice=(
            f"These {drawing.NUM_IMAGES:,} cats and dogs are drawings, a stand-in for photographs. The real ones"
            f" ({ARCHIVE.size / 1e6:.0f} MB): cnnforge data download catsdogs"
        ),
        tag="drawn",
    )
