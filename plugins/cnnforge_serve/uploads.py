"""The images of a request's body: the files of a form, or one image as it is. They are kept in memory only."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass

from fastapi import HTTPException, Request
from python_multipart.multipart import Field, File, FormParser, parse_options_header

from cnnforge_serve.limits import Limits, Share

_FORM = "multipart/form-data"
_BINARY = "application/octet-stream"
_MAX_NAME = 255
_MAX_BOUNDARY = 70  # RFC 2046
_MAX_FIELDS = 64  # beside the files; each costs time to parse


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
    seconds = limits.timeout_seconds
    try:
        async with asyncio.timeout(seconds) as deadline:
            share.give_up = lambda: deadline.reschedule(asyncio.get_running_loop().time())
            uploads = await _read(request, limits, share)
    except TimeoutError:
        detail = f"expected the whole request within {seconds:g} seconds, or faster while others wait"
        raise HTTPException(408, detail, {"Connection": "close"}) from None
    share.load.enqueue(share, len(uploads))
    return uploads


async def _read(request: Request, limits: Limits, share: Share) -> list[Upload]:
    content_type = request.headers.get("content-type", _BINARY).partition(";")[0].strip().lower()
    body = _body(request, limits, share)
    if content_type == _FORM:
        return await _Form(request.headers["content-type"], limits.max_images).read(body)
    if content_type != _BINARY and not content_type.startswith("image/"):
        raise HTTPException(415, f"expected an image/… type, {_BINARY} or {_FORM}, received {content_type[:100]}")
    content = b"".join([chunk async for chunk in body])
    if not content:
        raise HTTPException(400, "expected an image in the body, received nothing")
    return [Upload("", content)]


async def _body(request: Request, limits: Limits, share: Share) -> AsyncIterator[bytes]:
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
        share.load.add_bytes(share, len(chunk))
        yield chunk


class _Form:
    """Collects the files of a form; its other fields are passed over."""

    def __init__(self, content_type: str, max_files: int) -> None:
        _, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if not 1 <= len(boundary) <= _MAX_BOUNDARY:
            raise HTTPException(
                400, f"expected {_FORM} with a boundary of 1 to {_MAX_BOUNDARY} characters, received {len(boundary)}"
            )
        self.files: list[Upload] = []
        self._max_files = max_files
        self._is_whole = False
        self._num_fields = 0
        config = {"MAX_MEMORY_FILE_SIZE": sys.maxsize}
        self._parser = FormParser(_FORM, self._pass_over, self._add, self._end, boundary, config=config)

    async def read(self, body: AsyncIterator[bytes]) -> list[Upload]:
        async for chunk in body:
            try:
                self._parser.write(chunk)
            except HTTPException:
                raise
            except Exception as error:  # python-multipart's own errors, and whatever else odd bytes lead it to
                raise HTTPException(400, f"the form cannot be read: {str(error)[:200]}") from error
        if not self._is_whole:
            raise HTTPException(400, "expected a whole form, received one that is cut off")
        if not self.files:
            raise HTTPException(400, "expected a file in the form, received none")
        return self.files

    def _pass_over(self, _: Field) -> None:
        self._num_fields += 1
        if self._num_fields > _MAX_FIELDS:
            raise HTTPException(413, f"expected at most {_MAX_FIELDS} fields beside the images")

    def _add(self, file: File) -> None:
        if len(self.files) == self._max_files:
            raise HTTPException(413, f"expected at most {self._max_files} images")
        name = (file.file_name or b"").decode("utf-8", "replace")
        file.file_object.seek(0)
        self.files.append(Upload(name[:_MAX_NAME], file.file_object.read()))

    def _end(self) -> None:
        self._is_whole = True
