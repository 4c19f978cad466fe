"""``cnnforge serve``: a trained run over HTTP."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from cnnforge.cli import RunArgument, load_trained, registry
from cnnforge.errors import RecipeError
from cnnforge.host import ExplainerSpec
from cnnforge.system import one_line

_EXPLAINER = "grad_cam"  # what the page shows where the network looks with
_LOOPBACK = ("127.", "::1", "localhost")


def serve(
    run: RunArgument,
    host: Annotated[str, typer.Option("--host", help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0: any that is free.")] = 8000,
    token: Annotated[
        str | None, typer.Option("--token", envvar="CNNFORGE_TOKEN", help="Bearer token that requests must bring.")
    ] = None,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option("--allowed-host", help="Host that requests may name, besides loopback's and --host; '*': any."),
    ] = None,
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option("--trusted-proxy", help="Address or network of a proxy whose X-Forwarded-For is believed."),
    ] = None,
    max_bytes: Annotated[int, typer.Option("--max-bytes", min=1, help="Largest body of a request.")] = 32 * 2**20,
    max_images: Annotated[int, typer.Option("--max-images", min=1, help="Most images of a request.")] = 64,
    max_pixels: Annotated[
        int | None, typer.Option("--max-pixels", min=1, help="Largest image; default: as the recipe says.")
    ] = None,
    queue: Annotated[int, typer.Option("--queue", min=1, help="Most images that wait for an answer.")] = 256,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.1, help="Seconds for a request to arrive, and for its answer.")
    ] = 30.0,
    log: Annotated[bool, typer.Option("--log/--no-log", help="A line on standard error for each request.")] = True,
) -> None:
    """Answer over HTTP what an image shows, with a page to try it."""
    from cnnforge.running import find_run

    directory = find_run(run)
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
        typer.echo(f"warning: whoever reaches {host} may ask; a token in CNNFORGE_TOKEN prevents it", err=True)
    trained = load_trained(run)
    from cnnforge_serve.app import create_app
    from cnnforge_serve.hosts import Hosts
    from cnnforge_serve.service import Service

    service = Service(trained, Limits(max_bytes, max_images, max_pixels, queue, timeout), explainer=explainer)
    url = _url(host, listening.getsockname()[1])

    def say_start() -> None:
        typer.echo(one_line(f"Serving  {directory.path}: {', '.join(trained.class_names)}"))
        typer.echo(f"Page     {url}/")
        typer.echo(f"API      {url}/predict, described at {url}/openapi.json")

    app = create_app(service, token, Hosts(allowed_host or (), host))
    answer(app, service, listening, say_start, log=log, trusted_proxies=proxies)
    raise typer.Exit(1)  # it could not be started


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
