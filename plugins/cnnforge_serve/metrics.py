"""What a server counts, for Prometheus."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class Metrics:
    """Counters of one server; names as Prometheus wants them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter("cnnforge_requests", "Requests answered", ["path", "status"], registry=self.registry)
        self.seconds = Histogram(
            "cnnforge_request_seconds",
            "From a request's headers to the end of its answer",
            ["path"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.images = Counter("cnnforge_images", "Images by what came of them", ["outcome"], registry=self.registry)
        self.batch_images = Histogram(
            "cnnforge_batch_images",
            "Images computed at once",
            buckets=(1, 2, 4, 8, 16, 32),
            registry=self.registry,
        )
        self.failures = Counter("cnnforge_worker_failures", "Failures of the network", registry=self.registry)
        self.in_progress = Gauge(
            "cnnforge_images_in_progress", "Images received, waiting and in work", registry=self.registry
        )
        self.ready = Gauge("cnnforge_ready", "1 while predictions are given", registry=self.registry)

    def text(self) -> bytes:
        """Return the figures in Prometheus's text format."""
        return generate_latest(self.registry)


class Measured:
    """An ASGI application whose requests are counted and timed."""

    def __init__(self, app: ASGIApp, metrics: Metrics, paths: frozenset[str]) -> None:
        self._app = app
        self._metrics = metrics
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"] if scope["path"] in self._paths else "other"  # anybody may ask for anything
        status, start = 500, time.perf_counter()

        async def noting(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            self._metrics.requests.labels(path, str(status)).inc()
            self._metrics.seconds.labels(path).observe(time.perf_counter() - start)
