"""Serving a run, for the command line and for Python alike."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cnnforge.errors import RecipeError
from cnnforge.host import ExplainerSpec
from cnnforge.interface import registry
from cnnforge.system import one_line

if TYPE_CHECKING:
    import cnnforge

_EXPLAINER = "grad_cam"  # what the page shows where the network looks with
_LOOPBACK = ("127.", "::1", "localhost")


def serve(
    run: cnnforge.Run,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
    allowed_host: Sequence[str] | None = None,
    trusted_proxy: Sequence[str] | None = None,
    max_bytes: int = 32 * 2**20,
    max_images: int = 64,
    max_pixels: int | None = None,
    queue: int = 256,
    timeout: float = 30.0,
    log: bool = True,
    ends_process: bool = False,
) -> None:
    """Answer over HTTP what an image shows until a signal comes.

    Args:
        run: A trained run.
        host: Address to listen at.
        port: Port; 0 takes any that is free.
        token: Bearer token that requests must bring.
        allowed_host: Hosts that requests may name, besides loopback's and ``host``; ``*``: any.
        trusted_proxy: Addresses or networks of proxies whose ``X-Forwarded-For`` is believed.
        max_bytes: Largest body of a request.
        max_images: Most images of a request.
        max_pixels: Largest image; None: as the recipe says.
        queue: Most images that wait for an answer.
        timeout: Seconds for a request to arrive, and for its answer.
        log: Whether each request is a line on standard error.
        ends_process: Whether the signal ends the process, without waiting for threads that hang.

    Raises:
        RecipeError: A package is missing, or nobody can listen there.
    """
    if token is not None and not re.fullmatch(r"[!-~]+", token):
        raise RecipeError("expected a token of ASCII characters without spaces", hint="leave it out to ask for none")
    proxies = [_network(proxy) for proxy in trusted_proxy or ()]
    try:
        from cnnforge_serve.limits import Limits
        from cnnforge_serve.server import listen, serve as answer
    except ModuleNotFoundError as error:
        raise RecipeError(
            f"expected the package {error.name}, which is not installed", hint="pip install 'cnnforge[serve]'"
        ) from error
    explainers = registry().catalogue(ExplainerSpec)
    explainer = explainers.get(_EXPLAINER) if _EXPLAINER in explainers.entries else None
    listening = listen(host, port)
    if token is None and not host.startswith(_LOOPBACK):
        sys.stderr.write(f"warning: whoever reaches {host} may ask; a token in CNNFORGE_TOKEN prevents it\n")
    trained = run.trained
    from cnnforge_serve.app import create_app
    from cnnforge_serve.hosts import Hosts
    from cnnforge_serve.service import Service

    service = Service(trained, Limits(max_bytes, max_images, max_pixels, queue, timeout), explainer=explainer)
    url = _url(host, listening.getsockname()[1])

    def say_start() -> None:
        lines = (
            one_line(f"Serving  {run.directory}: {', '.join(trained.class_names)}"),
            f"Page     {url}/",
            f"API      {url}/predict, described at {url}/openapi.json",
        )
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()

    app = create_app(service, token, Hosts(allowed_host or (), host))
    answer(app, service, listening, say_start, log=log, trusted_proxies=proxies, ends_process=ends_process)


def _network(proxy: str) -> str:
    import ipaddress

    try:
        return str(ipaddress.ip_network(proxy))
    except ValueError:
        raise RecipeError(
            f"expected the address or network of a proxy, received trusted_proxy={proxy}",
            hint="cnnforge serve RUN --trusted-proxy 127.0.0.1",
        ) from None


def _url(host: str, port: int) -> str:
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{shown}:{port}"
