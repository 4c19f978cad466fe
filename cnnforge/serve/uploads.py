"""The images of a request's body: the files of a form, or one image as it is. They are kept in memory only."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from fastapi import HTTPException, Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from cnnforge.serve.limits import Limits, Share

_FORM = "multipart/form-data"
_BINARY = "application/octet-stream"
_MAX_NAME = 255


@dataclass(frozen=True, slots=True)
class Upload:
    """An image as it came: the name its sender gave it, which is never used as a path, and its bytes."""

    name: str
    content: bytes


async def read_uploads(request: Request, limits: Limits, share: Share) -> list[Upload]:
    """Return the images of a request, at least one.

    Raises:
        HTTPException: 400 without an image, 408 slow, 413 more than the limits, 415 another type, 503 too busy.
    """
    try:
        async with asyncio.timeout(limits.timeout_seconds):
            return await _read(request, limits, share)
    except TimeoutError:
        raise HTTPException(
            408, f"expected the whole request within {limits.timeout_seconds:g} seconds", {"Connection": "close"}
        ) from None


async def _read(request: Request, limits: Limits, share: Share) -> list[Upload]:
    content_type = request.headers.get("content-type", _BINARY).partition(";")[0].strip().lower()
    body = _body(request, limits, share)
    if content_type == _FORM:
        return await _files(request, body, limits, share)
    if content_type != _BINARY and not content_type.startswith("image/"):
        raise HTTPException(415, f"expected an image/… type, {_BINARY} or {_FORM}, received {content_type[:100]}")
    content = b"".join([chunk async for chunk in body])
    if not content:
        raise HTTPException(400, "expected an image in the body, received nothing")
    return [Upload("", content)]


async def _body(request: Request, limits: Limits, share: Share) -> AsyncGenerator[bytes]:
    """Yield the body in pieces; stop as soon as it is known to be too large."""
    received = 0
    declared = int(request.headers.get("content-length", 0))  # the HTTP parser lets nothing but digits through
    too_large = HTTPException(413, f"expected at most {limits.max_bytes} bytes")
    if declared > limits.max_bytes:
        raise too_large
    async for chunk in request.stream():
        received += len(chunk)
        if received > limits.max_bytes:
            raise too_large
        share.add_bytes(len(chunk))
        yield chunk


class _InMemoryParser(MultiPartParser):
    spool_max_size = sys.maxsize  # what exceeds it is written to the disk; the limit on the body is ours


async def _files(request: Request, body: AsyncGenerator[bytes], limits: Limits, share: Share) -> list[Upload]:
    parser = _InMemoryParser(request.headers, body, max_files=limits.max_images, max_fields=limits.max_images)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise HTTPException(413 if error.message.startswith("Too many") else 400, error.message) from error
    files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
    if not files:
        raise HTTPException(400, "expected a file in the form, received none")
    share.add_images(len(files) - 1)
    return [Upload((file.filename or "")[:_MAX_NAME], await file.read()) for file in files]
