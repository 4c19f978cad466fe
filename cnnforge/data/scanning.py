"""The scan: every image read, hashed, decoded and stored, once, on all processors."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cnnforge.data import store
from cnnforge.data.decoding import DecodeSettings
from cnnforge.data.image_rows import ImageRows, StoredRows, StreamedRows
from cnnforge.data.scanned import ScannedImages
from cnnforge.data.workers import PixelWriter, Record, Task, read_all
from cnnforge.errors import StorageError
from cnnforge.images import LabelledImages
from cnnforge.system import storage_errors

Progress = Callable[[int, int], None]
"""Called with the number of images done and the number of all."""

_COPIED_AT_ONCE = 64


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
    def row_bytes(self) -> int:
        return math.prod(self.settings.shape)

    @property
    def num_bytes(self) -> int:
        return len(self.images) * self.row_bytes


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
    keep_pixels = mode != "off" and (_fits(job, identities) or _go_without(job, mode))
    key = store.store_key(settings, identities, has_pixels=keep_pixels)
    notes = (_no_room(job),) if mode == "auto" and not keep_pixels else ()
    found = _open(job, key, notes, keep_pixels=keep_pixels)
    if found is None:
        with store.locked(key):
            # Another process may have built it while this one waited.
            found = _open(job, key, notes, keep_pixels=keep_pixels)
            found = found or _build(job, key, identities, notes, keep_pixels=keep_pixels)
    return found


def _fits(job: _Job, identities: np.ndarray) -> bool:
    """Return whether the pixels are in the cache already, or room could be made for them."""
    key = store.store_key(job.settings, identities, has_pixels=True)
    return store.find(key) is not None or store.make_room(job.num_bytes)


def _go_without(job: _Job, mode: str) -> bool:
    if mode == "auto":
        return False
    raise StorageError(
        _no_room(job).partition(":")[0] + f", received data.store={mode}",
        hint="raise CNNFORGE_CACHE_GB, name a larger disk with CNNFORGE_CACHE_DIR, or set data.store=auto",
    )


def _no_room(job: _Job) -> str:
    limit = store.limit_bytes()
    return (
        f"decoded, the images take {job.num_bytes / 1e9:.3g} GB and the cache may hold {limit / 1e9:.3g} GB:"
        " they are decoded again in every epoch"
    )


def _open(job: _Job, key: str, notes: tuple[str, ...], *, keep_pixels: bool) -> Scan | None:
    """Return what a store holds; None if there is none, it is damaged, or an image can be read again that could not."""
    folder = store.find(key)
    if folder is None:
        return None
    try:
        scanned = ScannedImages.load(folder, len(job.images))
        rows = _rows(job, scanned, folder if keep_pixels else None)
    except Exception:  # damaged in whatever way, or removed by another process this moment: built anew
        return None
    return None if _is_readable_again(job, scanned) else Scan(scanned, rows, notes)


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
    return StoredRows(folder / store.IMAGES, len(job.images), job.settings.shape)


def _build(job: _Job, key: str, identities: np.ndarray, notes: tuple[str, ...], *, keep_pixels: bool) -> Scan:
    store.remove_leftovers()
    scanned, rows = ScannedImages.empty(len(job.images)), np.arange(len(job.images))
    with store.building(key, job.images.location, job.settings, identities) as folder:
        pixels = None
        if keep_pixels:
            pixels = _allocate(job, folder)
            rows = _take_over(job, identities, scanned, pixels)
        _run(job, rows, scanned, pixels)
        scanned.save(folder)
    return Scan(scanned, _rows(job, scanned, store.stores_dir() / key if keep_pixels else None), notes)


def _scan_unkept(job: _Job, mode: str) -> Scan:
    """Scan without the cache; the pixels, if kept, are in a file without a name, gone when nobody uses it."""
    scanned, rows = ScannedImages.empty(len(job.images)), np.arange(len(job.images))
    parent = None if mode == "off" else _temporary_parent(job.num_bytes)
    if parent is None:
        notes = () if mode == "off" else (_no_temporary_room(job, mode),)
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


def _no_temporary_room(job: _Job, mode: str) -> str:
    size = f"decoded, the images take {job.num_bytes / 1e9:.3g} GB, more than half of what memory and disk have free"
    if mode != "auto":
        raise StorageError(f"{size}, received data.store={mode}", hint="set data.store=auto or data.store=off")
    return f"{size}: they are decoded again in every epoch"


def _allocate(job: _Job, folder: Path) -> Path:
    path = folder / store.IMAGES
    with path.open("wb") as file:
        file.truncate(max(1, job.num_bytes))
    return path


def _take_over(job: _Job, identities: np.ndarray, scanned: ScannedImages, pixels: Path) -> np.ndarray:
    """Copy what an earlier store of the same origin knows; return the rows still to be read."""
    similar = _find_similar(job)
    if similar is None:
        return np.arange(len(identities))
    known, old_scanned, old_rows = similar
    row_of = {identity.tobytes(): row for row, identity in enumerate(known)}
    for row in old_scanned.unread().tolist():
        del row_of[known[row].tobytes()]
    found = np.array([row_of.get(identity.tobytes(), -1) for identity in identities], dtype=np.int64)
    mine, theirs = np.flatnonzero(found >= 0), found[found >= 0]
    scanned.take(old_scanned, mine, theirs)
    with closing(PixelWriter(pixels, job.row_bytes)) as writer:
        for start in range(0, len(mine), _COPIED_AT_ONCE):
            part = slice(start, start + _COPIED_AT_ONCE)
            for row, image in zip(mine[part].tolist(), old_rows.gather(theirs[part]), strict=True):
                writer.write(row, image)
    return np.flatnonzero(found < 0)


def _find_similar(job: _Job) -> tuple[np.ndarray, ScannedImages, StoredRows] | None:
    """Return the identities, columns and pixels of the latest store of the same origin and settings."""
    for folder in store.find_similar(job.images.location, job.settings):
        try:
            known = store.load_identities(folder)
            rows = StoredRows(folder / store.IMAGES, len(known), job.settings.shape)
            return known, ScannedImages.load(folder, len(known)), rows
        except Exception:  # noqa: S112 - damaged, without pixels, or removed this moment: the next one
            continue
    return None


def _run(job: _Job, rows: np.ndarray, scanned: ScannedImages, pixels: Path | None) -> None:
    """Read and decode the given rows into the columns and, if there is one, the file of pixels."""
    done = 0
    with closing(read_all(Task(job.images.read, job.settings, pixels), rows)) as results:
        for records in results:
            for record in records:
                _note(scanned, record)
            done += len(records)
            job.progress(done, len(rows))


def _note(scanned: ScannedImages, record: Record) -> None:
    row = record.row
    scanned.sha256[row] = np.frombuffer(record.sha256, np.uint8)
    scanned.widths[row], scanned.heights[row] = record.width, record.height
    scanned.formats[row] = record.format
    scanned.perceptual_hashes[row] = record.perceptual_hash
    scanned.is_animated[row] = record.is_animated
    if record.reason is not None:
        scanned.reasons[row] = record.reason
