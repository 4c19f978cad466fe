"""The scan: every image read, hashed, decoded and stored, once, on all processors."""

from __future__ import annotations

import hashlib
import multiprocessing
import pickle
import signal
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from io import FileIO
from itertools import islice
from pathlib import Path

import imagehash
import numpy as np
from PIL import Image

from cnnforge.data import store
from cnnforge.data.decode import DecodeSettings, UnreadableImageError, decode
from cnnforge.data.image_rows import ImageRows, StoredRows, StreamedRows
from cnnforge.data.scanned import FORMAT_NAMES, ScannedImages
from cnnforge.errors import DataError
from cnnforge.files import storage_errors
from cnnforge.labelled_images import LabelledImages
from cnnforge.processors import num_processors

Progress = Callable[[int, int], None]
"""Called with the number of images done and the number of all."""

_MIN_IMAGES_FOR_PROCESSES = 400  # below, starting processes takes longer than reading the images
_CHUNK = 64
_HASH_REDUCTION = 10  # the perceptual hash looks at 9×8 pixels; shrinking by a box first makes it four times faster


@dataclass(frozen=True, slots=True)
class Scan:
    """What a scan gives: the columns, the pixels, and what the user should know of how they are kept."""

    scanned: ScannedImages
    rows: ImageRows
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Job:
    """What to read, how to decode it, and the file that takes the pixels (None: they are not kept)."""

    images: LabelledImages
    settings: DecodeSettings
    pixels: Path | None = None

    @property
    def row_bytes(self) -> int:
        return int(np.prod(self.settings.shape))

    @property
    def num_bytes(self) -> int:
        return len(self.images) * self.row_bytes


def scan(images: LabelledImages, settings: DecodeSettings, mode: str, progress: Progress) -> Scan:
    """Return every image of a source decoded, from the image store if it is there.

    Args:
        images: The source's images.
        settings: How to decode.
        mode: ``data.store``: ``"disk"`` keeps the pixels in the user's cache, ``"memory"`` in a temporary file that is
            deleted with this process, ``"off"`` decodes again in every epoch; ``"auto"`` is ``"disk"`` where the cache
            has room, else ``"off"``.
        progress: Told how far it is.

    Raises:
        DataError: A worker process was killed by an image.
        StorageError: The store cannot be written.
    """
    job = _Job(images, settings)
    if images.signatures is None or mode == "memory":
        return _scan_unkept(job, progress, keep_pixels=mode != "off")
    notes: tuple[str, ...] = ()
    identities = store.identities(images.names, images.signatures)
    if mode == "auto" and not _fits(job, identities):
        mode = "off"
        notes = (_too_large(job.num_bytes),)
    key = store.store_key(settings, identities, has_pixels=mode != "off")
    with store.locked(key):
        if store.find(key) is None:
            _build(job, key, identities, progress, keep_pixels=mode != "off")
    folder = store.stores_dir() / key
    return Scan(ScannedImages.load(folder), _rows(job, folder if mode != "off" else None), notes)


def _fits(job: _Job, identities: np.ndarray) -> bool:
    """Return whether the pixels are in the cache already, or room could be made for them."""
    key = store.store_key(job.settings, identities, has_pixels=True)
    return store.find(key) is not None or store.make_room(job.num_bytes)


def _too_large(num_bytes: int) -> str:
    limit = store.limit_bytes()
    return (
        f"decoded, the images take {num_bytes / 1e9:.1f} GB and the cache may hold {limit / 1e9:.1f} GB:"
        " they are decoded again in every epoch"
    )


def _rows(job: _Job, folder: Path | None, owner: object = None) -> ImageRows:
    if folder is None:
        return StreamedRows(job.images.read, job.settings)
    return StoredRows(folder / store.IMAGES, len(job.images), job.settings.shape, owner)


def _build(job: _Job, key: str, identities: np.ndarray, progress: Progress, *, keep_pixels: bool) -> None:
    store.remove_leftovers()
    with store.building(key, job.images.location, job.settings, identities) as folder:
        scanned, rows = ScannedImages.empty(len(job.images)), np.arange(len(job.images))
        if keep_pixels:
            job = _allocate(job, folder)
            rows = _take_over(job, identities, scanned)
        _run(job, rows, scanned, progress)
        scanned.save(folder)


def _scan_unkept(job: _Job, progress: Progress, *, keep_pixels: bool) -> Scan:
    """Scan without the cache; the pixels, if kept, are in a temporary file as long as somebody uses them."""
    folder = None
    scanned = ScannedImages.empty(len(job.images))
    if keep_pixels:
        in_memory = Path("/dev/shm")  # noqa: S108 - a folder in memory, where the system has one
        folder = tempfile.TemporaryDirectory(prefix="cnnforge-", dir=in_memory if in_memory.is_dir() else None)
        job = _allocate(job, Path(folder.name))
    _run(job, np.arange(len(job.images)), scanned, progress)
    return Scan(scanned, _rows(job, Path(folder.name) if folder else None, owner=folder))


def _allocate(job: _Job, folder: Path) -> _Job:
    pixels = folder / store.IMAGES
    with storage_errors(pixels), pixels.open("wb") as file:
        file.truncate(max(1, job.num_bytes))
    return replace(job, pixels=pixels)


def _take_over(job: _Job, identities: np.ndarray, scanned: ScannedImages) -> np.ndarray:
    """Copy what an earlier store of the same origin knows; return the rows still to be read."""
    similar = store.find_similar(job.images.location, job.settings)
    if similar is None or job.pixels is None:
        return np.arange(len(identities))
    folder, known = similar
    row_of = {identity.tobytes(): row for row, identity in enumerate(known)}
    found = np.array([row_of.get(identity.tobytes(), -1) for identity in identities], dtype=np.int64)
    mine, theirs = np.flatnonzero(found >= 0), found[found >= 0]
    scanned.take(ScannedImages.load(folder), mine, theirs)
    old = StoredRows(folder / store.IMAGES, len(known), job.settings.shape)
    new = np.memmap(job.pixels, np.uint8, "r+", shape=(len(identities), *job.settings.shape))
    for start in range(0, len(mine), _CHUNK):
        part = slice(start, start + _CHUNK)
        new[mine[part]] = old.gather(theirs[part])
    return np.flatnonzero(found < 0)


def _run(job: _Job, rows: np.ndarray, scanned: ScannedImages, progress: Progress) -> None:
    """Read and decode the given rows into the columns and, if there is one, the file of pixels."""
    done = 0
    for records in _records(job, rows):
        for record in records:
            _note(scanned, record)
        done += len(records)
        progress(done, len(rows))


@dataclass(frozen=True, slots=True)
class _Record:
    row: int
    sha256: bytes
    reason: str | None = None
    width: int = 0
    height: int = 0
    format: int = 0
    perceptual_hash: int = 0
    is_animated: bool = False


def _note(scanned: ScannedImages, record: _Record) -> None:
    row = record.row
    scanned.sha256[row] = np.frombuffer(record.sha256, np.uint8)
    scanned.widths[row], scanned.heights[row] = record.width, record.height
    scanned.formats[row] = record.format
    scanned.perceptual_hashes[row] = record.perceptual_hash
    scanned.is_animated[row] = record.is_animated
    if record.reason is not None:
        scanned.reasons[row] = record.reason


def _records(job: _Job, rows: np.ndarray) -> Iterator[list[_Record]]:
    chunks = [rows[start : start + _CHUNK].tolist() for start in range(0, len(rows), _CHUNK)]
    if len(rows) < _MIN_IMAGES_FOR_PROCESSES:
        yield from (_read_rows(job, chunk) for chunk in chunks)
    elif not _can_be_sent(job):
        yield from _in_any_order(ThreadPoolExecutor(num_processors()), partial(_read_rows, job), chunks)
    else:
        context = multiprocessing.get_context("spawn")
        processes = ProcessPoolExecutor(num_processors(), context, _start_process, (job,))
        try:
            yield from _in_any_order(processes, _read_rows_in_process, chunks)
        except BrokenProcessPool:
            raise DataError(
                "a process that decodes images was killed, by the system for want of memory or by a damaged image",
                hint="leave the largest images out: --set data.max_pixels=…",
            ) from None


def _can_be_sent(job: _Job) -> bool:
    """Return whether the source can be sent to another process."""
    try:
        pickle.dumps(job)
    except (pickle.PicklingError, AttributeError, TypeError):
        return False
    return True


def _in_any_order(
    executor: Executor, read_rows: Callable[[list[int]], list[_Record]], chunks: list[list[int]]
) -> Iterator[list[_Record]]:
    """Yield results as they come, never with more than a few chunks waiting, so that memory stays flat."""
    remaining = iter(chunks)
    try:
        pending = {executor.submit(read_rows, chunk) for chunk in islice(remaining, 4 * num_processors())}
        while pending:
            finished, pending = wait(pending, return_when=FIRST_COMPLETED)
            pending |= {executor.submit(read_rows, chunk) for chunk in islice(remaining, len(finished))}
            yield from (future.result() for future in finished)
    finally:
        executor.shutdown(cancel_futures=True)


_process_job: list[_Job] = []  # the job of this process, if it is one that decodes


def _start_process(job: _Job) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides what happens
    _process_job.append(job)


def _read_rows_in_process(rows: list[int]) -> list[_Record]:
    return _read_rows(_process_job[-1], rows)


def _read_rows(job: _Job, rows: list[int]) -> list[_Record]:
    """Read, hash and decode those rows and write their pixels."""
    with job.pixels.open("r+b", buffering=0) if job.pixels else nullcontext() as file:
        return [_read_row(job, row, file) for row in rows]


def _read_row(job: _Job, row: int, file: FileIO | None) -> _Record:
    try:
        content = job.images.read(row)
    except (OSError, ValueError) as error:
        return _Record(row, bytes(32), reason=_short(error))
    sha256 = hashlib.sha256(content if isinstance(content, bytes) else content.tobytes()).digest()
    try:
        decoded = decode(content, job.settings)
    except UnreadableImageError as error:
        return _Record(row, sha256, reason=str(error))
    if file is not None:
        file.seek(row * job.row_bytes)
        file.write(decoded.pixels.tobytes())
    return _Record(
        row,
        sha256,
        width=decoded.width,
        height=decoded.height,
        format=FORMAT_NAMES.index(decoded.format),
        perceptual_hash=perceptual_hash(decoded.image),
        is_animated=decoded.is_animated,
    )


def perceptual_hash(image: Image.Image) -> int:
    """Return the 64-bit difference hash of an image (ImageHash's ``dhash``): alike for pictures that look alike."""
    factor = max(1, min(image.size) // 2 // 8 if min(image.size) < 8 * _HASH_REDUCTION else _HASH_REDUCTION)
    bits = imagehash.dhash(image.reduce(factor)).hash
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def _short(error: Exception) -> str:
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(reason).split())[:200].lower()
