"""The web application: which path leads where, who may ask, and how all of it is described."""

from __future__ import annotations

import functools
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import ClientDisconnect

import cnnforge
from cnnforge_serve import openapi
from cnnforge_serve.batching import WorkerFailedError
from cnnforge_serve.browser_page import page_router
from cnnforge_serve.endpoints import Endpoints
from cnnforge_serve.hosts import Hosts, HostsChecked
from cnnforge_serve.limits import RETRY_AFTER
from cnnforge_serve.metrics import Measured
from cnnforge_serve.service import Service

_BEARER = HTTPBearer(auto_error=False)


def create_app(service: Service, token: str | None = None, hosts: Hosts | None = None) -> FastAPI:
    """Return the application.

    Args:
        service: What answers.
        token: What ``/predict``, ``/explain`` and ``/metrics`` ask for as a bearer token; None: nothing.
        hosts: The hosts that requests may name; None: those of loopback.
    """
    app = FastAPI(
        title=f"CNNForge: {service.trained.directory.path.name}",
        version=cnnforge.__version__,
        description=f"Tells images of {', '.join(service.trained.class_names)} apart.",
        docs_url=None,  # these pages load scripts from elsewhere
        redoc_url=None,
        lifespan=_lifespan(service),
    )
    _add_endpoints(app, service, [Depends(_token_check(token))] if token else [])
    app.include_router(page_router(service, needs_token=token is not None))
    app.add_exception_handler(ClientDisconnect, _client_disconnected)
    app.add_exception_handler(WorkerFailedError, _worker_failed)
    app.add_middleware(HostsChecked, hosts=hosts or Hosts())
    app.add_middleware(Measured, metrics=service.metrics, paths=frozenset(app.openapi()["paths"]))
    return app


def _add_endpoints(app: FastAPI, service: Service, protected: list[Any]) -> None:
    endpoints, limits = Endpoints(service), service.limits
    post = functools.partial(app.add_api_route, methods=["POST"], dependencies=protected)
    post("/predict", endpoints.predict, **openapi.predict(limits, service.example()))
    if service.explainer is not None:
        post("/explain", endpoints.explain, **openapi.explain(limits))
    app.add_api_route("/metrics", endpoints.metrics, dependencies=protected)
    app.add_api_route("/healthz", endpoints.healthz)
    app.add_api_route("/readyz", endpoints.readyz)


def _lifespan(service: Service) -> Callable[[FastAPI], Any]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await service.batcher.start()
        yield
        service.stop()

    return lifespan


def _token_check(token: str) -> Callable[..., Any]:
    expected = token.encode()

    async def check(credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]) -> None:
        received = credentials.credentials if credentials else ""
        if not secrets.compare_digest(received.encode(), expected):
            raise HTTPException(
                401, "expected the header Authorization: Bearer <token>", {"WWW-Authenticate": "Bearer"}
            )

    return check


async def _client_disconnected(_: Request, __: Exception) -> Response:
    return Response(status_code=499)  # what nginx notes of a client that went away


async def _worker_failed(_: Request, __: Exception) -> Response:
    return JSONResponse({"detail": "the network failed and is being started again"}, 503, RETRY_AFTER)
