"""The HTTP server: listening, logging, and ending without losing a request."""

from __future__ import annotations

import asyncio
import functools
import logging.config
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
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
_END_SECONDS = 9.0  # then the process is gone, whatever a thread of it still does
_IDLE_SECONDS = 10
_BACKLOG = 256
_MAX_CONNECTIONS = 1000
_SPARE_FILES = 100  # of those the system lets a process have open, for everything but connections
_MAX_HEAD_BYTES = 64 * 1024
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


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


def serve(
    app: FastAPI,
    service: Service,
    listening: socket.socket,
    on_start: Callable[[], None],
    *,
    log: bool,
    trusted_proxies: Sequence[str] = (),
    ends_process: bool = True,
) -> None:
    """Answer requests until a signal comes, then finish those in progress and end the process, with 128 + the signal.

    Returns only if the application could not be started, which the log explains, or if the process goes on.

    Args:
        app: What answers.
        service: Is told when the server ends.
        listening: From :func:`listen`.
        on_start: Called when requests are answered.
        log: Write a line for each request to standard error.
        trusted_proxies: Addresses or networks whose ``X-Forwarded-For`` is believed.
        ends_process: Whether the process ends with the server.
    """
    logging.config.dictConfig(_logging(log=log))
    server = Server(app, service, on_start, trusted_proxies)
    server.run(sockets=[listening])
    if server.signal_number and ends_process:
        _end(server.signal_number)


def _end(signal_number: int) -> None:
    """End the process at once: nobody waits for threads that hang, nor for TensorFlow to be taken down.

    Nothing is flushed, since a pipe that nobody reads would hold it up; each line was, as it was written.
    """
    os._exit(128 + signal_number)


class Server(uvicorn.Server):
    """Goes on answering when asked to end, until the last request in progress is answered."""

    def __init__(
        self, app: FastAPI, service: Service, on_start: Callable[[], None], trusted_proxies: Sequence[str] = ()
    ) -> None:
        config = uvicorn.Config(
            app,
            http=functools.partial(_Protocol, connections=_Connections(_max_connections())),  # type: ignore[arg-type]
            proxy_headers=bool(trusted_proxies),
            forwarded_allow_ips=list(trusted_proxies),
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
        """Start to drain at the first signal; end the process at the second, or when the time for it is over."""
        if self._service.is_draining:
            _end(sig)
        self._service.is_draining = True
        self._drain_until = time.monotonic() + DRAIN_SECONDS
        self.signal_number = sig
        end = threading.Timer(_END_SECONDS, _end, [sig])
        end.daemon = True
        end.start()

    async def on_tick(self, counter: int) -> bool:
        is_over = self._service.load.images == 0 or time.monotonic() > self._drain_until
        return await super().on_tick(counter) or (self._service.is_draining and is_over)


class _Connections:
    """The connections of a server, so many at most: a new one takes the place of that which has been sending longest.

    Args:
        most: Connections at a time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: set[_Protocol] = set()
        self._sending: dict[_Protocol, None] = {}  # those whose client has to send something, the slowest first

    def add(self, connection: _Protocol) -> None:
        if len(self._open) >= self._most:
            slowest = next(iter(self._sending), connection)
            self.remove(slowest)
            slowest.transport.abort()
            if slowest is connection:
                return
        self._open.add(connection)
        self.sends(connection)

    def remove(self, connection: _Protocol) -> None:
        self._open.discard(connection)
        self.has_sent(connection)

    def sends(self, connection: _Protocol) -> None:
        self._sending[connection] = None

    def has_sent(self, connection: _Protocol) -> None:
        self._sending.pop(connection, None)


def _max_connections() -> int:
    try:
        import resource
    except ImportError:  # Windows
        return _MAX_CONNECTIONS
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MAX_CONNECTIONS if most == resource.RLIM_INFINITY else max(1, min(_MAX_CONNECTIONS, most - _SPARE_FILES))


class _Protocol(HttpToolsProtocol):
    """Closes connections that take too long to ask, and those that send far more than a request is made of.

    uvicorn's own timer waits for the first byte only, and its parser takes headers of any size.
    """

    _idle: asyncio.TimerHandle | None = None
    _spare_bytes = _MAX_HEAD_BYTES  # that the request may still take, beside its body

    def __init__(self, *args: Any, connections: _Connections, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._all = connections

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_idle()
        self._all.add(self)

    def data_received(self, data: bytes) -> None:
        self._spare_bytes -= len(data)
        super().data_received(data)
        if self._spare_bytes < 0 and not self.transport.is_closing():
            if self.cycle is None or self.cycle.response_complete:
                self.transport.write(_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        self._spare_bytes = _MAX_HEAD_BYTES
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._stop_idle()  # from here on the application keeps to its own limits
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._spare_bytes += 2 * len(body)  # itself, and as much again for the lengths of small chunks
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._all.has_sent(self)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.response_complete:  # else the next request is in work already
            self._start_idle()
            self._all.sends(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_idle()
        self._all.remove(self)
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
