"""The scan: every image read, hashed, decoded and stored, once, on all processors."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cnnforge.data import store
from cnnforge.data.decoding import DecodeSettings
from cnnforge.data.image_rows import ImageRows, StoredRows, StreamedRows
from cnnforge.data.known_pixels import open_known
from cnnforge.data.scanned import ScannedImages
from cnnforge.data.workers import Task, read_all, short_reason, write_pixels
from cnnforge.errors import StorageError
from cnnforge.images import LabelledImages
from cnnforge.system import storage_errors

Progress = Callable[[int, int], None]
"""Called with the number of images done and the number of all."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What a scan gives: the columns, the pixels, and what the user should know of how they are kept."""

    scanned: ScannedImages
    rows: ImageRows
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Job:
    """What to scan and how."""

    images: LabelledImages
    settings: DecodeSettings
    progress: Progress

    @property
    def num_bytes(self) -> int:
        return len(self.images) * math.prod(self.settings.shape)

    @property
    def gigabytes(self) -> str:
        return f"{self.num_bytes / 1e9:.3g} GB"


def scan(images: LabelledImages, settings: DecodeSettings, mode: str, progress: Progress) -> Scan:
    """Return every image of a source decoded, from the image store if it is there.

    Args:
        images: The source's images.
        settings: How to decode.
        mode: ``data.store``: ``"disk"`` keeps the pixels in the user's cache, ``"memory"`` in a temporary file that is
            gone with this process, ``"off"`` decodes again in every epoch; ``"auto"`` is ``"disk"`` where the cache
            has room, else ``"off"``. Images without signatures cannot be recognised on a later run, so theirs are
            never kept longer than ``"memory"`` does.
        progress: Told how far it is.

    Raises:
        DataError: A worker process was killed by an image.
        PluginError: The source breaks its contract.
        StorageError: The store cannot be written, or ``"disk"`` or ``"memory"`` have no room.
    """
    job = _Job(images, settings, progress)
    if images.signatures is None or mode == "memory":
        return _scan_unkept(job, mode)
    identities = store.identities(images.names, images.signatures)
    keep_pixels = mode != "off"
    notes: tuple[str, ...] = ()
    if keep_pixels and not _fits(job, identities):
        problem = f"decoded, the images take {job.gigabytes} and the cache may hold {store.limit_bytes() / 1e9:.3g} GB"
        hint = "raise CNNFORGE_CACHE_GB, name a larger disk with CNNFORGE_CACHE_DIR, or set data.store=auto"
        notes = _note_or_refuse(mode, problem, hint)
        keep_pixels = False
    key = store.store_key(settings, identities, has_pixels=keep_pixels)
    result = _open(job, key, keep_pixels=keep_pixels)
    if not isinstance(result, Scan):
        with store.locked(key):
            # Another process may have built it while this one waited.
            result = _open(job, key, keep_pixels=keep_pixels)
            if not isinstance(result, Scan):
                notes += (f"the image store cannot be trusted and is built anew: {result}",) if result else ()
                result = _build(job, key, identities, keep_pixels=keep_pixels)
    return replace(result, notes=notes)


def _fits(job: _Job, identities: np.ndarray) -> bool:
    """Return whether the pixels are in the cache already, or room could be made for them."""
    key = store.store_key(job.settings, identities, has_pixels=True)
    return store.find(key) is not None or store.make_room(job.num_bytes)


def _note_or_refuse(mode: str, problem: str, hint: str) -> tuple[str, ...]:
    """Return what the user should know where pixels cannot be kept.

    Raises:
        StorageError: The mode asks for just that.
    """
    if mode != "auto":
        raise StorageError(f"{problem}, received data.store={mode}", hint=hint)
    return (f"{problem}: they are decoded again in every epoch",)


def _open(job: _Job, key: str, *, keep_pixels: bool) -> Scan | str:
    """Return what a store holds, or why it must be built anew.

    Empty if there is none, or an image can be read again that could not.
    """
    folder = store.stores_dir() / key
    store.find(key)  # notes the use
    try:
        store.check(folder)
        scanned = ScannedImages.load(folder, len(job.images))
        rows = _rows(job, scanned, folder if keep_pixels else None)
        if isinstance(rows, StoredRows) and len(damaged := rows.damaged()):
            return f"the pixels of {len(damaged)} of its {len(job.images)} images changed"
    except Exception as error:  # damaged in whatever way, or removed by another process this moment
        return short_reason(error) if folder.exists() else ""
    return "" if _is_readable_again(job, scanned) else Scan(scanned, rows)


def _is_readable_again(job: _Job, scanned: ScannedImages) -> bool:
    for row in scanned.unread().tolist():
        try:
            job.images.read(row)
        except Exception:  # noqa: S112 - as before
            continue
        return True
    return False


def _rows(job: _Job, scanned: ScannedImages, folder: Path | None) -> ImageRows:
    if folder is None:
        return StreamedRows(job.images, job.settings, scanned.sha256)
    return StoredRows(folder / store.IMAGES, job.settings.shape, scanned.checksums)


def _build(job: _Job, key: str, identities: np.ndarray, *, keep_pixels: bool) -> Scan:
    store.remove_leftovers()
    scanned, rows = ScannedImages.empty(len(job.images)), np.arange(len(job.images))
    with store.building(key, job.images.location, job.settings, identities) as folder:
        pixels = None
        if keep_pixels:
            pixels = _allocate(job, folder)
            rows = _take_over(job, identities, scanned, pixels)
        _run(job, rows, scanned, pixels)
        scanned.save(folder)
    return Scan(scanned, _rows(job, scanned, store.stores_dir() / key if keep_pixels else None))


def _scan_unkept(job: _Job, mode: str) -> Scan:
    """Scan without the cache; the pixels, if kept, are in a file without a name, gone when nobody uses it."""
    scanned, rows = ScannedImages.empty(len(job.images)), np.arange(len(job.images))
    parent = None
    notes: tuple[str, ...] = ()
    if mode != "off":
        parent = _temporary_parent(job.num_bytes)
        if parent is None:
            problem = f"decoded, the images take {job.gigabytes}, more than half of what memory and disk have free"
            notes = _note_or_refuse(mode, problem, "set data.store=auto or data.store=off")
    if parent is None:
        _run(job, rows, scanned, None)
        return Scan(scanned, _rows(job, scanned, None), notes)
    with (
        storage_errors(parent),
        # Deleted at once and used on, so that nothing is left behind even by a process that is killed. Windows deletes
        # no file in use; there it stays in the temporary folder.
        tempfile.TemporaryDirectory(prefix="cnnforge-", dir=parent, ignore_cleanup_errors=True) as folder,
    ):
        _run(job, rows, scanned, _allocate(job, Path(folder)))
        return Scan(scanned, _rows(job, scanned, Path(folder)))


def _temporary_parent(num_bytes: int) -> Path | None:
    """Return a folder with ample room for a temporary file: in memory where the system has one, else on disk."""
    for parent in (Path("/dev/shm"), Path(tempfile.gettempdir())):  # noqa: S108 - a folder in memory
        if parent.is_dir() and 2 * num_bytes <= shutil.disk_usage(parent).free:
            return parent
    return None


def _allocate(job: _Job, folder: Path) -> Path:
    path = folder / store.IMAGES
    with path.open("wb") as file:
        file.truncate(max(1, job.num_bytes))
    return path


def _take_over(job: _Job, identities: np.ndarray, scanned: ScannedImages, pixels: Path) -> np.ndarray:
    """Copy what the latest store of the same origin and settings knows; return the rows still to be read."""
    similar = (
        open_known(folder, job.settings.shape) for folder in store.find_similar(job.images.location, job.settings)
    )
    known = next(filter(None, similar), None)
    if known is None:
        return np.arange(len(identities))
    theirs = known.rows_of(identities)
    theirs[np.isin(theirs, [*known.scanned.unread(), *known.pixels.damaged()])] = -1
    mine = np.flatnonzero(theirs >= 0)
    scanned.take(known.scanned, mine, theirs[mine])
    with pixels.open("r+b") as file:
        for row in mine.tolist():
            write_pixels(file, row, known.pixels.gather(theirs[[row]]))
    return np.flatnonzero(theirs < 0)


def _run(job: _Job, rows: np.ndarray, scanned: ScannedImages, pixels: Path | None) -> None:
    """Read and decode the given rows into the columns and, if there is one, the file of pixels."""
    done = 0
    with closing(read_all(Task(job.images.read, job.settings, pixels), rows)) as parts:
        for part_rows, learnt in parts:
            scanned.take(learnt, np.array(part_rows), np.arange(len(part_rows)))
            done += len(part_rows)
            job.progress(done, len(rows))
