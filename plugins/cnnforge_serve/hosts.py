"""Which names a server answers to: a page of elsewhere must not reach it under a name of its own."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = ("localhost", "127.0.0.1", "::1")
ANY = "*"

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(:\d*)?")


class Hosts:
    """The hosts that requests may name.

    Args:
        names: Names and addresses; ``*``: all.
        listens_at: The address the server listens at. If that is every address of the machine, its name and all
            addresses are taken too: what leads a browser astray is a name.
    """

    def __init__(self, names: Iterable[str] = (), listens_at: str = "127.0.0.1") -> None:
        self._takes_addresses = listens_at in {"", "0.0.0.0", "::"}  # noqa: S104
        own = socket.gethostname() if self._takes_addresses else listens_at
        self._names = {_normal(name) for name in (*LOOPBACK, own, *names)}

    def takes(self, header: str) -> bool:
        """Return whether a request with this header ``Host`` is answered."""
        if ANY in self._names:
            return True
        found = _HOST.fullmatch(header)
        if found is None:
            return False
        name = _normal(found[1])
        return name in self._names or (self._takes_addresses and _is_address(name))


class HostsChecked:
    """An ASGI application that answers to the right names alone."""

    def __init__(self, app: ASGIApp, hosts: Hosts) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            named = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
            if len(named) != 1 or not self._hosts.takes(named[0]):
                received = ", ".join(named)[:100]
                detail = f"expected a Host of this server (see --allowed-host), received {received!r}"
                await JSONResponse({"detail": detail}, 400)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _normal(name: str) -> str:
    name = name.strip("[]").partition("%")[0].lower()
    return str(ipaddress.ip_address(name)) if _is_address(name) else name


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
