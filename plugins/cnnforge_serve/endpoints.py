"""What is done for each request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated

from fastapi import HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from cnnforge.data import UnreadableImageError
from cnnforge.errors import RecipeError, did_you_mean
from cnnforge_serve.limits import Share, busy
from cnnforge_serve.service import Service
from cnnforge_serve.uploads import Upload, read_uploads


class Endpoints:
    """The functions behind the paths; each returns a response."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def predict(self, request: Request) -> Response:
        """Send one image as the body, or one or more as files of a form, under any field name.

        An image that cannot be used has its reason in `error`; the others are answered all the same.
        """
        with self._admitted() as share:
            uploads = await read_uploads(request, self._service.limits, share)
            async with self._in_time():
                predictions = await self._service.predictions(uploads)
        errors = [prediction["error"] for prediction in predictions if "error" in prediction]
        if len(errors) == len(predictions):
            return JSONResponse({"detail": errors[0], "predictions": predictions}, 422)
        return JSONResponse({"predictions": predictions})

    async def explain(
        self,
        request: Request,
        class_name: Annotated[str | None, Query(alias="class", description="default: the most probable")] = None,
    ) -> Response:
        """Send one image as for `/predict`; the answer shows where in it the evidence for a class lies (Grad-CAM).

        It is a transparent picture of the size that the network sees: stretch it over the photograph.
        """
        with self._admitted() as share:
            uploads = await read_uploads(request, self._service.limits, share)
            if len(uploads) > 1:
                raise HTTPException(400, f"expected one image, received {len(uploads)}")
            index = self._class_index(class_name)
            async with self._in_time():
                return Response(await self._heatmap(uploads[0], index), media_type="image/png")

    async def healthz(self) -> Response:
        """Answer as long as the server lives."""
        return PlainTextResponse("ok")

    async def readyz(self) -> Response:
        """Answer 200 while predictions are given, else 503 with the reason."""
        reason = self._service.why_not_ready
        return PlainTextResponse(f"not ready: {reason}", 503) if reason else PlainTextResponse("ready")

    async def metrics(self) -> Response:
        """Return the figures for Prometheus."""
        return Response(self._service.metrics.text(), media_type=CONTENT_TYPE_LATEST)

    @contextmanager
    def _admitted(self) -> Iterator[Share]:
        if refusal := self._service.refusal:
            raise busy(refusal)
        try:
            with self._service.load.request() as share:
                yield share
        except asyncio.CancelledError:  # it was waited for, but not for ever
            raise busy("the server is ending") from None

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        seconds = self._service.limits.timeout_seconds
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError:
            raise HTTPException(504, f"expected an answer within {seconds:g} seconds") from None

    def _class_index(self, name: str | None) -> int | None:
        names = self._service.trained.class_names
        if name is None or name in names:
            return None if name is None else names.index(name)
        raise HTTPException(422, f"expected one of the classes {', '.join(names)}.{did_you_mean(name, names)}")

    async def _heatmap(self, upload: Upload, class_index: int | None) -> bytes:
        try:
            pixels = await self._service.pixels(upload)
            return await self._service.heatmap(pixels, class_index)
        except (UnreadableImageError, RecipeError) as error:  # the latter: a network without a convolution
            raise HTTPException(422, str(error)) from error
