"""What a server takes at most, and the counter that keeps to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from fastapi import HTTPException

RETRY_AFTER = {"Retry-After": "1"}
"""Header of an answer that says to come back, in seconds."""

STALLED_SECONDS = 5.0
"""Without an answer, until the server says that it is not ready."""

_GRACE_SECONDS = 2.0  # in which a body is not called slow
_FULL_BODIES = 8  # as many requests of the largest size are held in memory at once


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request, and all of them together, may ask for.

    Args:
        max_bytes: Body of a request.
        max_images: Images of a request.
        max_pixels: Of an image; None: as many as the run's recipe allows. Larger ones are refused undecoded.
        queue: Images that have arrived and are not answered, of all requests together.
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
    """The images and bytes of all requests in progress.

    A request takes a place in the queue once its body has arrived, so that slow senders keep none from others; while
    it arrives it counts as one image in progress. Where its bytes keep others out, the one that has been arriving for
    longest is given up.
    """

    def __init__(self, limits: Limits) -> None:
        self._max_images = limits.queue
        self._max_bytes = _FULL_BODIES * limits.max_bytes
        self._arriving: dict[Share, None] = {}
        self._progress_at = 0.0
        self.queued = 0
        self.bytes = 0

    @property
    def images(self) -> int:
        """Images in progress: queued, and one for each request that still arrives."""
        return self.queued + len(self._arriving)

    @property
    def is_full(self) -> bool:
        """Whether the next request would be refused."""
        return self.queued >= self._max_images

    @property
    def is_stalled(self) -> bool:
        """Whether there are images, and for some seconds none of them has been answered."""
        return self.queued > 0 and time.monotonic() - self._progress_at > STALLED_SECONDS

    def note_progress(self) -> None:
        """Note that an image has been answered."""
        self._progress_at = time.monotonic()

    @contextmanager
    def request(self) -> Iterator[Share]:
        """Yield the share of a request, given back at the end.

        Raises:
            HTTPException: 503, the queue is full.
        """
        if self.is_full:
            raise self._full()
        share = Share(self)
        self._arriving[share] = None
        try:
            yield share
        finally:
            self._arriving.pop(share, None)
            self.queued -= share.images
            self.bytes -= share.bytes

    def enqueue(self, share: Share, num_images: int) -> None:
        """Give a request that has arrived its places in the queue, or refuse it with 503."""
        if self.queued + num_images > self._max_images:
            raise self._full()
        if not self.queued:
            self.note_progress()
        self._arriving.pop(share, None)
        self.queued += num_images
        share.images += num_images

    def add_bytes(self, share: Share, number: int) -> None:
        """Count more bytes of a request, or refuse it with 503."""
        while self.bytes + number > self._max_bytes:
            if not self._give_up_slowest(share):
                raise busy("too many large requests at once")
        self.bytes += number
        share.bytes += number

    def _give_up_slowest(self, asking: Share) -> bool:
        before = time.monotonic() - _GRACE_SECONDS
        slow = next((s for s in self._arriving if s is not asking and s.bytes and s.began_at < before), None)
        if slow is not None:
            self.bytes -= slow.bytes
            slow.bytes = 0
            slow.give_up()
        return slow is not None

    def _full(self) -> HTTPException:
        return busy(f"the queue is full ({self._max_images} images)")


@dataclass(eq=False, slots=True)
class Share:
    """What one request holds of the load; ``give_up`` ends its arrival."""

    load: Load
    images: int = 0
    bytes: int = 0
    began_at: float = field(default_factory=time.monotonic)
    give_up: Callable[[], None] = lambda: None
