"""Micro-batching: whatever waits when the network becomes free is its next batch."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from cnnforge.network import BATCH_SIZE
from cnnforge_serve.exact_batches import Compute
from cnnforge_serve.metrics import Metrics

T = TypeVar("T")
_Waiting = tuple[np.ndarray, "asyncio.Future[np.ndarray]"]  # an image and who waits for its probabilities

_RESTART_SECONDS = 1.0  # between two attempts to start the worker

logger = logging.getLogger("cnnforge.serve")


class WorkerFailedError(Exception):
    """The network failed while it computed; the worker is being started again."""


class Batcher:
    """Gives single images to a network in batches. Belongs to one event loop, on which everything is called.

    Nobody waits for a batch to fill: an image that finds the network idle is computed at once, and under load the
    images that arrive while a batch is computed are the next one.

    Args:
        start: Returns the network, ready and warm; called in the worker's thread, again after each failure.
        metrics: Told the size of each batch, and failures.
        max_batch: Images computed at once; 1 switches batching off.
    """

    def __init__(self, start: Callable[[], Compute], metrics: Metrics, max_batch: int = BATCH_SIZE) -> None:
        self._start = start
        self._metrics = metrics
        self._max_batch = max_batch
        self._waiting: deque[_Waiting] = deque()
        self._worker = ThreadPoolExecutor(1, "network")
        self._in_use = threading.Lock()
        self._compute: Compute | None = None
        self._batch: asyncio.Task[None] | None = None

    @property
    def is_ready(self) -> bool:
        """Whether the network can compute; not before it is warm, nor while it is started again."""
        return self._compute is not None

    async def start(self) -> None:
        """Start the worker and wait until it is ready."""
        self._loop = asyncio.get_running_loop()
        self._compute = await self.run(self._start)
        self._next_batch()

    def stop(self) -> None:
        """End the worker's thread once it has finished what it is at; nobody waits for that."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    async def run(self, function: Callable[[], T]) -> T:
        """Call a function that uses the network, in the worker's thread, after the batch in work."""

        def alone() -> T:
            with self._in_use:
                return function()

        return await asyncio.get_running_loop().run_in_executor(self._worker, alone)

    def compute_if_idle(self, pixels: np.ndarray) -> np.ndarray | None:
        """Return the probabilities of one image at once, in the calling thread; None while the network is in use.

        For a request that is the only one, this saves two changes of threads.

        Raises:
            WorkerFailedError: The network failed on the image.
        """
        compute = self._compute
        if compute is None or not self._in_use.acquire(blocking=False):
            return None
        try:
            self._metrics.batch_images.observe(1)
            probabilities: np.ndarray = compute(pixels[np.newaxis])[0]
        except Exception as error:
            asyncio.run_coroutine_threadsafe(self._restart(error, compute, []), self._loop)
            raise WorkerFailedError from error
        finally:
            self._in_use.release()
            if self._waiting:
                self._loop.call_soon_threadsafe(self._next_batch)
        return probabilities

    async def probabilities(self, pixels: np.ndarray) -> np.ndarray:
        """Return the probabilities of one image.

        Args:
            pixels: Shape (height, width, channels), uint8.

        Returns:
            Shape (classes,), float32.

        Raises:
            WorkerFailedError: The network failed on the batch.
        """
        answer: asyncio.Future[np.ndarray] = asyncio.get_running_loop().create_future()
        self._waiting.append((pixels, answer))
        self._next_batch()
        return await answer

    def _next_batch(self) -> None:
        is_free = self._batch is None and not self._in_use.locked()
        if is_free and self._compute is not None and self._waiting:
            self._batch = asyncio.create_task(self._run_batch(self._compute))

    async def _run_batch(self, compute: Compute) -> None:
        size = min(self._max_batch, len(self._waiting))
        taken = [self._waiting.popleft() for _ in range(size)]
        batch = [(pixels, answer) for pixels, answer in taken if not answer.done()]  # done: its request timed out
        try:
            if batch:
                self._metrics.batch_images.observe(len(batch))
                images = np.stack([pixels for pixels, _ in batch])
                rows = await self.run(lambda: compute(images))
                _answer(batch, rows)
        except Exception as error:
            await self._restart(error, compute, batch)
        finally:
            self._batch = None
            self._next_batch()

    async def _restart(self, error: Exception, failed: Compute, batch: list[_Waiting]) -> None:
        """Fail the batch, then start the network afresh in a new thread, as often as it takes."""
        logger.error("the network failed; starting it again", exc_info=error)
        self._metrics.failures.inc()
        for _, answer in batch:
            if not answer.done():
                answer.set_exception(WorkerFailedError())
        if self._compute is not failed:  # it failed twice at a time, and is being started already
            return None
        self._compute = None
        while True:
            self._worker.shutdown(wait=False)
            self._worker = ThreadPoolExecutor(1, "network")
            try:
                return await self.start()
            except Exception:
                logger.exception("the network could not be started; trying again")
                await asyncio.sleep(_RESTART_SECONDS)


def _answer(batch: list[_Waiting], rows: np.ndarray) -> None:
    for (_, answer), row in zip(batch, rows, strict=True):
        if not answer.done():
            answer.set_result(row)
