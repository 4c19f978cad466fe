"""What a server takes at most, and the counter that keeps to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fastapi import HTTPException

RETRY_AFTER = {"Retry-After": "1"}
"""Header of an answer that says to come back, in seconds."""

_FULL_BODIES = 8  # as many requests of the largest size are held in memory at once


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request, and all of them together, may ask for.

    Args:
        max_bytes: Body of a request.
        max_images: Images of a request.
        max_pixels: Of an image; None: as many as the run's recipe allows. Larger ones are refused undecoded.
        queue: Images received, waiting and in work, of all requests together.
        timeout_seconds: For the body to arrive, and again for the answer.
    """

    max_bytes: int = 32 * 2**20
    max_images: int = 64
    max_pixels: int | None = None
    queue: int = 256
    timeout_seconds: float = 30.0


def busy(reason: str) -> HTTPException:
    """Return the answer to a request that has to come back later."""
    return HTTPException(503, f"{reason}; try again in a second", RETRY_AFTER)


class Load:
    """The images and bytes of all requests in progress. A request counts as one image until more are seen in it."""

    def __init__(self, limits: Limits) -> None:
        self._max_images = limits.queue
        self._max_bytes = _FULL_BODIES * limits.max_bytes
        self.images = 0
        self.bytes = 0

    @contextmanager
    def request(self) -> Iterator[Share]:
        """Yield the share of a request, given back at the end.

        Raises:
            HTTPException: 503, the queue is full.
        """
        share = Share(self)
        try:
            share.add(images=1)
            yield share
        finally:
            self.images -= share.images
            self.bytes -= share.bytes

    def add(self, images: int, num_bytes: int) -> None:
        """Count more images or bytes, or refuse them with 503."""
        if self.images + images > self._max_images:
            raise busy(f"the queue is full ({self._max_images} images)")
        if self.bytes + num_bytes > self._max_bytes:
            raise busy("too many large requests at once")
        self.images += images
        self.bytes += num_bytes


@dataclass(slots=True)
class Share:
    """What one request holds of the load."""

    load: Load
    images: int = 0
    bytes: int = 0

    def add(self, *, images: int = 0, num_bytes: int = 0) -> None:
        """Count more images or bytes, or refuse them with 503."""
        self.load.add(images, num_bytes)
        self.images += images
        self.bytes += num_bytes
