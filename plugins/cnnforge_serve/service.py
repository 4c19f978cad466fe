"""What the application does with images: decode them, give them to the network, show where it looks."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import io
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
from PIL import Image

from cnnforge.data import UnreadableImageError, decode
from cnnforge.evaluation import answer, heatmaps, rank, transparent
from cnnforge.host import Entry, ExplainerSpec
from cnnforge.network import BATCH_SIZE
from cnnforge.running import TrainedRun
from cnnforge.system import num_processors
from cnnforge_serve.batching import Batcher
from cnnforge_serve.exact_batches import Compute, ExactBatches
from cnnforge_serve.limits import STALLED_SECONDS, Limits, Load
from cnnforge_serve.metrics import Metrics
from cnnforge_serve.uploads import Upload

_Decoded = tuple[np.ndarray, np.ndarray | None]  # pixels, and their probabilities where these are known already
_MAX_DECODERS = 4


class Service:
    """A trained run that answers; belongs to one event loop.

    Args:
        trained: The run. Its files are not looked at any more.
        limits: What is taken at most.
        max_batch: Images computed at once.
        explainer: What shows where the network looks; None: nothing does.
    """

    def __init__(
        self,
        trained: TrainedRun,
        limits: Limits,
        max_batch: int = BATCH_SIZE,
        *,
        explainer: Entry[ExplainerSpec] | None = None,
    ) -> None:
        self.trained = trained
        self.explainer = explainer
        self.limits = limits
        self.metrics = Metrics()
        self.load = Load(limits)
        self.batcher = Batcher(self._warm_predictor, self.metrics, max_batch)
        self.is_draining = False
        settings = trained.decoding
        self._settings = dataclasses.replace(settings, max_pixels=limits.max_pixels or settings.max_pixels)
        self._room = PixelRoom(self._settings.max_pixels)
        self._decoders = ThreadPoolExecutor(min(num_processors(), _MAX_DECODERS), "decode")
        self.metrics.in_progress.set_function(lambda: self.load.images)
        self.metrics.ready.set_function(lambda: self.why_not_ready is None)

    @property
    def refusal(self) -> str | None:
        """Why no request is taken on: the network is not warm, or somebody has asked the server to end."""
        if self.is_draining:
            return "the server is ending"
        return None if self.batcher.is_ready else "the network is being started"

    @property
    def why_not_ready(self) -> str | None:
        """Why the next request would be refused, or not be answered."""
        if self.load.is_full:
            return "the queue is full"
        return self.refusal or (f"no answer for {STALLED_SECONDS:g} seconds" if self.load.is_stalled else None)

    def stop(self) -> None:
        """End the threads once they have finished what they are at; nobody waits for that."""
        self._decoders.shutdown(wait=False, cancel_futures=True)
        self.batcher.stop()

    async def predictions(self, uploads: list[Upload]) -> list[dict[str, Any]]:
        """Return what is said of each image: the probabilities of the classes, or why there are none."""
        if len(uploads) == 1:
            return [await self._prediction(uploads[0])]
        return await asyncio.gather(*map(self._prediction, uploads))

    async def _prediction(self, upload: Upload) -> dict[str, Any]:
        is_alone = self.load.images == 1
        try:
            pixels, probabilities = await self._in_thread(self._classified if is_alone else self._decoded, upload)
        except UnreadableImageError as error:
            self.load.note_progress()
            self.metrics.images.labels("unreadable").inc()
            return {"name": upload.name, "error": str(error)}
        if probabilities is None:
            probabilities = await self.batcher.probabilities(pixels)
        self.load.note_progress()
        self.metrics.images.labels("predicted").inc()
        return self.describe(upload.name, probabilities)

    async def pixels(self, upload: Upload) -> np.ndarray:
        """Return an image as the network takes it, shape (height, width, channels), uint8.

        Raises:
            UnreadableImageError: It cannot be used.
        """
        return (await self._in_thread(self._decoded, upload))[0]

    async def _in_thread(self, decoding: Callable[[Upload], _Decoded], upload: Upload) -> _Decoded:
        return await asyncio.get_running_loop().run_in_executor(self._decoders, decoding, upload)

    def _decoded(self, upload: Upload) -> _Decoded:
        return decode(upload.content, self._settings, self._room).pixels, None

    def _classified(self, upload: Upload) -> _Decoded:
        pixels, _ = self._decoded(upload)
        return pixels, self.batcher.compute_if_idle(pixels)

    def describe(self, name: str, probabilities: np.ndarray) -> dict[str, Any]:
        """Return the answer for one image, as ``cnnforge predict --json`` prints it."""
        return answer(name, rank(probabilities, self.trained.class_names))

    def example(self) -> dict[str, Any]:
        """Return what this network says of a grey image, as an example of an answer."""
        grey = np.full((1, *self._settings.shape), 128, np.uint8)
        return self.describe("grey.png", self.trained.predictor()(grey)[0])

    async def heatmap(self, pixels: np.ndarray, class_index: int | None) -> bytes:
        """Return where the evidence for a class lies, as a transparent PNG to lay over the photograph.

        Args:
            pixels: The image.
            class_index: The class; None: the most probable.
        """
        assert self.explainer is not None  # noqa: S101 - without one there is no /explain
        if class_index is None:
            class_index = int((await self.batcher.probabilities(pixels)).argmax())
        explain = functools.partial(
            heatmaps, self.explainer, self.trained.model, pixels[np.newaxis], np.array([class_index])
        )
        return await asyncio.to_thread(_png, transparent((await self.batcher.run(explain))[0]))

    def _warm_predictor(self) -> Compute:
        """Return the network, which has met every size of batch: each takes a backend longer at first."""
        return ExactBatches(self.trained)


class PixelRoom:
    """Lets images be decoded side by side as long as they have no more pixels together than one may have.

    Args:
        max_pixels: Of all images together; a larger one has it for itself.
    """

    def __init__(self, max_pixels: int) -> None:
        self._max_pixels = max_pixels
        self._num_pixels = 0
        self._changed = threading.Condition()

    @contextmanager
    def __call__(self, num_pixels: int) -> Iterator[None]:
        """Wait until there is room for an image."""
        with self._changed:
            self._changed.wait_for(lambda: not self._num_pixels or self._num_pixels + num_pixels <= self._max_pixels)
            self._num_pixels += num_pixels
        try:
            yield
        finally:
            with self._changed:
                self._num_pixels -= num_pixels
                self._changed.notify_all()


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
