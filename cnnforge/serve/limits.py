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
        self._limits = limits
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
            share.add_images(1)
            yield share
        finally:
            self.images -= share.images
            self.bytes -= share.bytes

    def add(self, images: int, num_bytes: int) -> None:
        """Count more images or bytes, or refuse them with 503."""
        if self.images + images > self._limits.queue:
            raise busy(f"the queue is full ({self._limits.queue} images)")
        if self.bytes + num_bytes > _FULL_BODIES * self._limits.max_bytes:
            raise busy("too many large requests at once")
        self.images += images
        self.bytes += num_bytes


class Share:
    """What one request holds of the load."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self.images = 0
        self.bytes = 0

    def add_images(self, number: int) -> None:
        """Count more images, or raise 503."""
        self._load.add(number, 0)
        self.images += number

    def add_bytes(self, number: int) -> None:
        """Count more bytes, or raise 503."""
        self._load.add(0, number)
        self.bytes += number
