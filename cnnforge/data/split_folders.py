"""``cnnforge data split``: labelled images as training and testing folders, the way the classic tutorial wants them."""

from __future__ import annotations

import contextlib
import hashlib
import io
import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from cnnforge.data.decode import DecodeSettings, decode
from cnnforge.data.splits import SplitSettings, assign
from cnnforge.errors import DataError, RecipeError
from cnnforge.files import storage_errors
from cnnforge.labelled_images import SPLITS, LabelledImages, LeftOut

FOLDERS = ("training", "validation", "testing")
"""The folder of each split, in the order of :data:`cnnforge.labelled_images.SPLITS`."""

_EXTENSIONS = {"JPEG": ".jpg", "PNG": ".png", "GIF": ".gif", "WEBP": ".webp", "BMP": ".bmp", "array": ".png"}
_SMALL = DecodeSettings(32, 32)  # every image is decoded once, to leave out what training would leave out
_MAX_STEM_BYTES = 200
_UNSAFE_CHARACTERS = set('/\\:*?"<>|')


@dataclass(frozen=True, slots=True)
class SplitFolders:
    """What was written: images by folder and class, links among them, files left out, what the user should know."""

    path: Path
    counts: dict[tuple[str, str], int]
    num_links: int
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]


def write_split_folders(
    images: LabelledImages,
    target: Path,
    settings: SplitSettings,
    progress: Callable[[int, int], None],
    *,
    originals: Path | None = None,
) -> SplitFolders:
    """Write ``training/CLASS/…`` and ``testing/CLASS/…``, and ``validation/CLASS/…`` where a part is for validation.

    An image's split is the one that a run with the same settings gives it. File names are kept, extensions follow the
    content. The folder is built beside its place and renamed into it, so that there is all of it or nothing.

    Args:
        images: The images of any data source; they are only read.
        target: The folder to write; it must not exist, or be empty.
        settings: The fractions and the seed.
        progress: Called with the number of images done and the number of all.
        originals: The folder that image names are relative to. Its files are linked (hard links, which every program
            takes for files) where the file system can, else copied.

    Raises:
        RecipeError: ``target`` holds something already.
        DataError: A class has too few images, or a name that no folder can have.
        StorageError: It cannot be written.
    """
    target = target.expanduser().absolute()
    _check_class_names(images)
    with _building(target) as folder:
        writer = _Writer(images, folder, originals)
        for index in range(len(images)):
            writer.write(index)
            progress(index + 1, len(images))
        splits, notes = _assign(writer, settings)
        counts = writer.sort_into(splits)
    return SplitFolders(target, counts, writer.num_links, (*images.left_out, *writer.left_out), tuple(notes))


@dataclass(slots=True)
class _Writer:
    """Writes all images by class first, since the split of one may depend on the others, and then moves them."""

    images: LabelledImages
    folder: Path
    originals: Path | None
    rows: list[int] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    num_of_name: Counter[tuple[int, str]] = field(default_factory=Counter)
    left_out: list[LeftOut] = field(default_factory=list)
    num_links: int = 0

    def write(self, index: int) -> None:
        try:
            content = self.images.read(index)
            extension = _EXTENSIONS[decode(content, _SMALL).format]
        except (OSError, ValueError) as error:
            self.left_out.append(LeftOut(self.images.names[index], str(error), is_fault=True))
            return
        name = self._unused_name(index, extension)
        self._write_file(index, content, self._staged(index) / name)
        self.rows.append(index)
        self.names.append(name)
        self.hashes.append(hashlib.sha256(content if isinstance(content, bytes) else content.tobytes()).digest())

    def sort_into(self, splits: np.ndarray) -> dict[tuple[str, str], int]:
        """Move every file from its class to its split and class; return how many there are of each."""
        counts: dict[tuple[str, str], int] = {}
        for index, name, split in zip(self.rows, self.names, splits.tolist(), strict=True):
            key = FOLDERS[split], self._class_name(index)
            place = self.folder / key[0] / key[1]
            if key not in counts:
                place.mkdir(parents=True)
            (self._staged(index) / name).rename(place / name)
            counts[key] = counts.get(key, 0) + 1
        shutil.rmtree(self.folder / "all")
        return counts

    def _class_name(self, index: int) -> str:
        return self.images.class_names[self.images.labels[index]]

    def _staged(self, index: int) -> Path:
        return self.folder / "all" / self._class_name(index)

    def _unused_name(self, index: int, extension: str) -> str:
        """Return the image's own name, with a number if another of its class has it, in any letter case."""
        stem, label = _safe_stem(self.images.names[index]), self.images.labels[index]
        name = f"{stem}{extension}"
        first = label, name.casefold()
        while self.num_of_name[label, name.casefold()]:
            self.num_of_name[first] += 1
            name = f"{stem}-{self.num_of_name[first]}{extension}"
        self.num_of_name[label, name.casefold()] += 1
        return name

    def _write_file(self, index: int, content: bytes | np.ndarray, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.originals is not None:
            with contextlib.suppress(OSError, ValueError):  # another disk, or a file system without links
                original = (self.originals / self.images.names[index]).resolve(strict=True)
                path.hardlink_to(original)
                self.num_links += 1
                return
        path.write_bytes(content if isinstance(content, bytes) else _png(content))


def _safe_stem(name: str) -> str:
    """Return the last part of an image's name, without extension, as every file system takes it."""
    stem = Path(name.rpartition("/")[2]).stem
    safe = "".join("_" if c in _UNSAFE_CHARACTERS or not c.isprintable() else c for c in stem).lstrip(".")
    return safe.encode("utf-8", "replace")[:_MAX_STEM_BYTES].decode("utf-8", "ignore") or "image"


def _assign(writer: _Writer, settings: SplitSettings) -> tuple[np.ndarray, list[str]]:
    images, rows = writer.images, writer.rows
    hashes = np.frombuffer(b"".join(writer.hashes), np.uint8).reshape(-1, 32)
    labels = np.array([images.labels[row] for row in rows], np.int32)
    fixed = None if images.splits is None else np.array([SPLITS.index(images.splits[row]) for row in rows], np.int8)
    return assign(hashes, labels, images.class_names, settings, fixed)


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
        if target.exists() and not (target.is_dir() and not any(target.iterdir())):
            raise RecipeError(
                f"expected a new or empty folder, received {target}, which holds something already",
                hint="choose another folder with --to",
            )
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
