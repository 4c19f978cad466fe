"""Reading, hashing and decoding images on all processors."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import imagehash
import numpy as np
import xxhash
from PIL import Image

from cnnforge.data.decoding import DecodedImage, DecodeSettings, content_hash, decode
from cnnforge.data.effort import UnreadableImageError
from cnnforge.data.scanned import FORMAT_NAMES, ScannedImages
from cnnforge.errors import DataError, PluginError
from cnnforge.system import num_processors

_MIN_IMAGES_FOR_PROCESSES = 400  # below, starting processes takes longer than reading the images
_CHUNK = 64
_HASH_REDUCTION = 10  # the perceptual hash looks at 9×8 pixels; shrinking by a box first makes it four times faster


@dataclass(frozen=True, slots=True)
class Task:
    """How to read an image, how to decode it, and the file that takes the pixels (None: they are not kept)."""

    read: Callable[[int], bytes | np.ndarray]
    settings: DecodeSettings
    pixels: Path | None = None


Part = tuple[list[int], ScannedImages]
"""Rows, and what was learnt of their images, in that order."""

_Submit = Callable[[list[int]], Future[Part]]


def write_pixels(file: BinaryIO, row: int, pixels: np.ndarray) -> None:
    """Write one image to its place in a file of rows, which must be buffered: only then is a full disk an error."""
    file.seek(row * pixels.nbytes)
    file.write(pixels.data)


def read_all(task: Task, rows: np.ndarray) -> Generator[Part]:
    """Read and decode the given rows, in processes where that pays; yield what is learnt as it comes, in any order.

    Closing the iterator, or an interrupt, stops the workers at once.

    Raises:
        DataError: A worker process was killed.
        OSError: The pixels cannot be written.
        PluginError: The source returns something else than bytes or an array.
    """
    chunks = [rows[start : start + _CHUNK].tolist() for start in range(0, len(rows), _CHUNK)]
    if len(rows) < _MIN_IMAGES_FOR_PROCESSES:
        yield from (_read_rows(task, chunk) for chunk in chunks)
        return
    with _workers(task) as submit:
        try:
            yield from _in_any_order(submit, chunks)
        except BrokenProcessPool:
            raise DataError(
                "a process that decodes images was killed, by the system for want of memory or by a damaged image",
                hint="leave the largest images out: --set data.max_pixels=…",
            ) from None


def _in_any_order(submit: _Submit, chunks: list[list[int]]) -> Iterator[Part]:
    """Yield results as they come, never with more than a few chunks waiting, so that memory stays flat."""
    remaining = iter(chunks)
    with _interrupts_held_back():
        pending = {submit(chunk) for chunk in itertools.islice(remaining, 4 * num_processors())}
    while pending:
        finished, pending = wait(pending, return_when="FIRST_COMPLETED")
        pending |= {submit(chunk) for chunk in itertools.islice(remaining, len(finished))}
        for future in finished:
            yield future.result()


@contextmanager
def _workers(task: Task) -> Iterator[_Submit]:
    """Yield what has a chunk read in another process, or in a thread where the source cannot be sent to one.

    On an error or interrupt the processes are ended at once.
    """
    executor: Executor
    read: Callable[[list[int]], Part]
    if _can_be_sent(task):
        context = multiprocessing.get_context("spawn")  # a fork of a process that runs TensorFlow's threads may hang
        executor = ProcessPoolExecutor(num_processors(), context, initializer=_start_process, initargs=(task,))
        read = _read_rows_of_process
    else:
        executor = ThreadPoolExecutor(num_processors())
        read = partial(_read_rows, task)
    try:
        yield lambda rows: executor.submit(read, rows)
    except BaseException:
        # terminate_workers() from Python 3.14 on
        for process in (getattr(executor, "_processes", None) or {}).values():
            process.terminate()
        raise
    finally:
        executor.shutdown(cancel_futures=True)


def _can_be_sent(task: Task) -> bool:
    try:
        pickled = pickle.dumps(task)
    except Exception:  # whatever a foreign object raises
        return False
    return b"__main__" not in pickled  # what a script or notebook defines, another process may not find


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Start processes that never hear Ctrl-C, which reaches the whole group: this process decides what happens."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _read_rows(task: Task, rows: list[int]) -> Part:
    learnt = ScannedImages.empty(len(rows))
    with task.pixels.open("r+b") if task.pixels else nullcontext() as file:
        for position, row in enumerate(rows):
            _read_row(task, row, file, learnt, position)
    return rows, learnt


def _read_row(task: Task, row: int, file: BinaryIO | None, learnt: ScannedImages, position: int) -> None:
    try:
        content = task.read(row)
    except Exception as error:  # a source may use any library, and a library may raise anything on a damaged file
        learnt.reasons[position] = short_reason(error)
        return
    if not isinstance(content, bytes | np.ndarray):
        raise PluginError(
            f"expected the data source's read({row}) to return bytes or a uint8 array,"
            f" received {type(content).__name__}"
        )
    learnt.sha256[position] = np.frombuffer(content_hash(content), np.uint8)
    try:
        decoded = decode(content, task.settings)
    except UnreadableImageError as error:
        learnt.reasons[position] = str(error)
        return
    if file is not None:
        write_pixels(file, row, decoded.pixels)
        learnt.checksums[position] = xxhash.xxh3_64_intdigest(decoded.pixels.data)
    learnt.widths[position], learnt.heights[position] = decoded.width, decoded.height
    learnt.formats[position] = FORMAT_NAMES.index(decoded.format)
    learnt.perceptual_hashes[position] = perceptual_hash(decoded.image)
    _look(decoded, learnt, position)


def _look(decoded: DecodedImage, learnt: ScannedImages, position: int) -> None:
    """Note what may be wrong with pixels that were decoded without a fault."""
    lows, highs = np.reshape(decoded.image.getextrema(), (-1, 2)).T
    pixels = decoded.pixels
    learnt.lows[position], learnt.highs[position] = lows.min(), highs.max()
    learnt.is_one_colour[position] = (lows == highs).all()
    # The first line tells most photographs in colour.
    learnt.is_grey[position] = (pixels[0] == pixels[0, :, :1]).all() and (pixels == pixels[:, :, :1]).all()
    learnt.is_animated[position] = decoded.is_animated
    learnt.is_transparent[position] = decoded.is_transparent
    learnt.is_deep[position] = decoded.is_deep


def perceptual_hash(image: Image.Image) -> int:
    """Return the 64-bit difference hash of an image (ImageHash's ``dhash``): alike for pictures that look alike."""
    factor = min(_HASH_REDUCTION, max(1, min(image.size) // 16))
    return int.from_bytes(np.packbits(imagehash.dhash(image.reduce(factor)).hash).tobytes(), "big")


def short_reason(error: Exception) -> str:
    """Return why an image could not be read, in one short line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    reason = " ".join(str(error).split())[:200]
    return reason if isinstance(error, OSError | ValueError) and reason else f"{type(error).__name__}: {reason}"


_tasks: list[Task] = []  # of this worker process: the one it was started with


def _start_process(task: Task) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _tasks.append(task)


def _end_with_parent() -> None:
    """End this process when its parent is gone, even by ``kill -9``, which lets nobody say goodbye."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _read_rows_of_process(rows: list[int]) -> Part:
    return _read_rows(_tasks[0], rows)
