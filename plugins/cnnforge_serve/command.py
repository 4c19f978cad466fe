"""``cnnforge serve``: a trained run over HTTP."""

from __future__ import annotations

from typing import Annotated

import typer

from cnnforge.cli import RunArgument
from cnnforge.interface import load


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
    from cnnforge_serve.interface import serve as serve_run

    serve_run(
        load(run),
        host=host,
        port=port,
        token=token,
        allowed_host=allowed_host,
        trusted_proxy=trusted_proxy,
        max_bytes=max_bytes,
        max_images=max_images,
        max_pixels=max_pixels,
        queue=queue,
        timeout=timeout,
        log=log,
        ends_process=True,
    )
    raise typer.Exit(1)  # it could not be started
