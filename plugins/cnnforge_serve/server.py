"""The HTTP server: listening, logging, and ending without losing a request."""

from __future__ import annotations

import asyncio
import logging.config
import socket
import time
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from cnnforge.errors import RecipeError

if TYPE_CHECKING:
    from cnnforge_serve.service import Service  # imports Keras, and an address in use is found out before

DRAIN_SECONDS = 6.0
"""How long requests in progress may take when the server is asked to end; many supervisors wait ten seconds."""

_CLOSE_SECONDS = 1  # for the last answers to be taken
_IDLE_SECONDS = 10
_BACKLOG = 256


def listen(host: str, port: int) -> socket.socket:
    """Return a socket bound to an address, on which nobody is answered yet.

    Raises:
        RecipeError: The address is in use, or none of this machine.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        raise RecipeError(
            f"cannot listen at --host {host} --port {port}: {error.strerror or error}",
            hint="choose another --port; 0 takes any that is free",
        ) from error
    return listening


def serve(app: FastAPI, service: Service, listening: socket.socket, on_start: Callable[[], None], *, log: bool) -> int:
    """Answer requests until a signal comes, then finish those in progress; return the signal's number.

    Args:
        app: What answers.
        service: Is told when the server ends.
        listening: From :func:`listen`.
        on_start: Called when requests are answered.
        log: Write a line for each request to standard error.
    """
    logging.config.dictConfig(_logging(log=log))
    server = Server(app, service, on_start)
    server.run(sockets=[listening])
    return server.signal_number


class Server(uvicorn.Server):
    """Goes on answering when asked to end, until the last request in progress is answered."""

    def __init__(self, app: FastAPI, service: Service, on_start: Callable[[], None]) -> None:
        config = uvicorn.Config(
            app,
            http=_Protocol,
            ws="none",
            log_config=None,
            backlog=_BACKLOG,
            server_header=False,
            timeout_graceful_shutdown=_CLOSE_SECONDS,
        )
        super().__init__(config)
        self._service = service
        self._on_start = on_start
        self._drain_until = 0.0
        self.signal_number = 0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_start()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Start to drain at the first signal; end at once at the second."""
        self.force_exit = self.should_exit = self._service.is_draining
        self._service.is_draining = True
        self._drain_until = time.monotonic() + DRAIN_SECONDS
        self.signal_number = sig

    async def on_tick(self, counter: int) -> bool:
        is_over = self._service.load.images == 0 or time.monotonic() > self._drain_until
        return await super().on_tick(counter) or (self._service.is_draining and is_over)


class _Protocol(HttpToolsProtocol):
    """Closes connections that take too long to ask. uvicorn's own timer waits for the first byte only."""

    _idle: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_idle()

    def on_headers_complete(self) -> None:
        self._stop_idle()  # from here on the application keeps to its own limits
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.response_complete:  # else the next request is in work already
            self._start_idle()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_idle()
        super().connection_lost(exc)

    def _start_idle(self) -> None:
        self._stop_idle()
        self._idle = self.loop.call_later(_IDLE_SECONDS, self.transport.abort)

    def _stop_idle(self) -> None:
        if self._idle is not None:
            self._idle.cancel()


def _logging(*, log: bool) -> dict[str, Any]:
    """Return how uvicorn and the service log: a line for each request if wanted, and what goes wrong."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": "%(asctime)s %(message)s"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "loggers": {
            "uvicorn": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
            "uvicorn.access": {"level": "INFO" if log else "CRITICAL"},
            "python_multipart": {"level": "CRITICAL"},  # its complaints are in the answer
            "cnnforge.serve": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
        },
    }
