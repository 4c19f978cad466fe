"""Labelled images as training and testing folders, the way the classic tutorial wants them."""

from __future__ import annotations

import contextlib
import io
import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from cnnforge.data import FORMAT_NAMES, Manifest
from cnnforge.errors import DataError, RecipeError
from cnnforge.images import LabelledImages
from cnnforge.system import expanded, storage_errors

FOLDERS = ("training", "validation", "testing")
"""The folder of each split, in the order of :data:`cnnforge.images.SPLITS`."""

_EXTENSIONS = {
    "JPEG": ".jpg",
    "PNG": ".png",
    "GIF": ".gif",
    "WEBP": ".webp",
    "BMP": ".bmp",
    "array": ".png",
    "TIFF": ".tif",
    "AVIF": ".avif",
    "HEIF": ".heic",
}
_MAX_STEM_BYTES = 200
_UNSAFE_CHARACTERS = set('/\\:*?"<>|')


@dataclass(frozen=True, slots=True)
class SplitFolders:
    """What was written: the number of images by folder and class, and how many of them are links."""

    counts: dict[tuple[str, str], int]
    num_links: int


def write_split_folders(
    images: LabelledImages,
    manifest: Manifest,
    target: Path,
    progress: Callable[[int, int], None],
    *,
    originals: Path | None = None,
) -> SplitFolders:
    """Write ``training/CLASS/…`` and ``testing/CLASS/…``, and ``validation/CLASS/…`` where a part is for validation.

    What the manifest leaves out is left out, and every image is in the split that a run gives it. File names are kept,
    extensions follow the content. The folder is built beside its place and renamed into it: there is all of it or
    nothing.

    Args:
        images: The images of any data source; they are only read.
        manifest: Their manifest.
        target: The folder to write; it must not exist, or be empty.
        progress: Called with the number of images done and the number of all.
        originals: The folder that image names are relative to. Its files are linked (hard links, which every program
            takes for files) where the file system can, else copied.

    Raises:
        RecipeError: ``target`` holds something already.
        DataError: A class has a name that no folder can have.
        StorageError: It cannot be written.
    """
    target = expanded(target).absolute()
    check_target(target)
    _check_class_names(images)
    rows = np.flatnonzero(manifest.splits >= 0).tolist()
    with _building(target) as folder:
        writer = _Writer(images, manifest, folder, originals)
        for done, row in enumerate(rows, start=1):
            writer.write(row)
            progress(done, len(rows))
    return SplitFolders(dict(writer.counts), writer.num_links)


def check_target(target: Path) -> None:
    """Check that a folder is new or empty.

    Raises:
        RecipeError: It holds something already.
    """
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise RecipeError(
            f"expected a new or empty folder, received {target}, which holds something already",
            hint="choose another folder with --to",
        )


@dataclass(slots=True)
class _Writer:
    images: LabelledImages
    manifest: Manifest
    folder: Path
    originals: Path | None
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    num_of_name: Counter[tuple[Path, str]] = field(default_factory=Counter)
    num_links: int = 0

    def write(self, row: int) -> None:
        key = FOLDERS[self.manifest.splits[row]], self.images.class_names[self.images.labels[row]]
        place = self.folder / key[0] / key[1]
        if key not in self.counts:
            place.mkdir(parents=True)
        self.counts[key] += 1
        self._write_file(row, place / self._unused_name(row, place))

    def _unused_name(self, row: int, place: Path) -> str:
        """Return the image's own name, with a number if another in its folder has it, in any letter case."""
        stem = _safe_stem(self.images.names[row])
        extension = _EXTENSIONS[FORMAT_NAMES[self.manifest.scanned.formats[row]]]
        name = f"{stem}{extension}"
        first = place, name.casefold()
        while self.num_of_name[place, name.casefold()]:
            self.num_of_name[first] += 1
            name = f"{stem}-{self.num_of_name[first]}{extension}"
        self.num_of_name[place, name.casefold()] += 1
        return name

    def _write_file(self, row: int, path: Path) -> None:
        if self.originals is not None:
            with contextlib.suppress(OSError, ValueError):  # another disk, or a file system without links
                path.hardlink_to((self.originals / self.images.names[row]).resolve(strict=True))
                self.num_links += 1
                return
        content = self.images.read(row)
        path.write_bytes(content if isinstance(content, bytes) else _png(content))


def _safe_stem(name: str) -> str:
    """Return the last part of an image's name, without extension, as every file system takes it."""
    stem = Path(name.rpartition("/")[2]).stem
    safe = "".join("_" if c in _UNSAFE_CHARACTERS or not c.isprintable() else c for c in stem).lstrip(".")
    return safe.encode("utf-8", "replace")[:_MAX_STEM_BYTES].decode("utf-8", "ignore") or "image"


def _png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _check_class_names(images: LabelledImages) -> None:
    for name in images.class_names:
        is_safe = name.isprintable() and not _UNSAFE_CHARACTERS & set(name) and name.strip(". ") == name != ""
        if not is_safe:
            raise DataError(f"expected class names that can be names of folders, received class {name!r}")


@contextlib.contextmanager
def _building(target: Path) -> Iterator[Path]:
    """Yield a folder beside ``target`` that takes its place at the end, or is removed when something goes wrong."""
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        folder = target.parent / f".{target.name}-{secrets.token_hex(4)}"
        folder.mkdir()
        try:
            yield folder
            if target.exists():
                target.rmdir()
            folder.rename(target)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
