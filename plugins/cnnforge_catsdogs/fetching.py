"""Downloads whose size and checksum are known beforehand: resumed after an interruption, verified, put in place whole.

A file is received as ``NAME.part``. Since the checksum is pinned, a resumed file may come from another mirror or
another day: a part that does not fit is found out by the checksum and thrown away.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import filelock

from cnnforge.errors import DataError, StorageError
from cnnforge.system import DownloadProgress, files

_TIMEOUT_SECONDS = 30.0  # of silence, and the time over which the speed is judged
_MIN_BYTES_PER_SECOND = 1000
_NUM_TRIES = 2  # of one mirror, without getting ahead
_AHEAD_BYTES = 2**20
_CHUNK_BYTES = 2**18


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteFile:
    """A file to fetch.

    Args:
        name: Its name, for people.
        urls: Its mirrors, the best first; https.
        size: Bytes.
        sha256: Hexadecimal digest.
    """

    name: str
    urls: tuple[str, ...]
    size: int
    sha256: str


class _WrongContentError(Exception):
    """The file is complete and is not the one that was asked for."""


def fetch(remote: RemoteFile, target: Path, *, progress: DownloadProgress) -> Path:
    """Fetch a file, unless it is there already and right; several processes may ask at once.

    Args:
        remote: What to fetch.
        target: Where to put it. A file there is replaced only by one with the right checksum.
        progress: Called before the first byte and after every chunk.

    Returns:
        ``target``.

    Raises:
        DataError: No mirror gave the right file; what was received stays and is continued next time.
        StorageError: It cannot be written, or there is no space.
    """
    part = target.with_name(target.name + ".part")
    with files.storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    with _lock(target, lambda: progress(_size(part), remote.size)):
        if not _is_right(remote, target):
            _check_space(remote, part)
            _receive_from_any(remote, part, target, progress)
            with files.storage_errors(target):
                part.replace(target)
        progress(remote.size, remote.size)
    return target


@contextlib.contextmanager
def _lock(target: Path, while_waiting: Callable[[], None]) -> Iterator[None]:
    """Let one process at a time fetch ``target``; the others wait, and then find it there."""
    lock = filelock.FileLock(target.with_name(target.name + ".lock"))
    while not _acquire(lock):
        while_waiting()
    try:
        yield
    finally:
        lock.release()


def _acquire(lock: filelock.BaseFileLock) -> bool:
    with files.storage_errors(Path(lock.lock_file)):
        try:
            lock.acquire(timeout=0.5)
        except filelock.Timeout:
            return False
    return True


def _receive_from_any(remote: RemoteFile, part: Path, target: Path, progress: DownloadProgress) -> None:
    """Complete and verify ``part`` from the first mirror that can."""
    failures = []
    for url in remote.urls:
        failure = _receive_patiently(url, remote, part, progress)
        if failure is None:
            return
        failures.append(failure)
    raise DataError(
        f"could not download {remote.name} ({remote.size / 1e6:.0f} MB): {'; '.join(failures)}",
        hint="give the same command again, it continues where it stopped; or, without a network here, fetch the"
        f" file elsewhere and put it at {target}",
    )


def _receive_patiently(url: str, remote: RemoteFile, part: Path, progress: DownloadProgress) -> str | None:
    """Receive from one mirror, again while that gets ahead; return why it failed, or None."""
    tries_left, reason = _NUM_TRIES, None
    while tries_left:
        before = _size(part)
        try:
            _receive(url, remote, part, progress)
            _verify(remote, part)
            return None
        except _WrongContentError as error:
            part.unlink(missing_ok=True)
            reason = str(error)
        except (OSError, http.client.HTTPException) as error:
            reason = _reason(error)
        if _size(part) < before + _AHEAD_BYTES:
            tries_left -= 1
    return f"{urllib.parse.urlsplit(url).netloc}: {reason}"


def _receive(url: str, remote: RemoteFile, part: Path, progress: DownloadProgress) -> None:
    """Append to ``part`` what it lacks."""
    done = _size(part)
    if done >= remote.size:
        return  # received already, only not verified
    with _open(url, done) as response:
        done = _agreed_offset(response, remote, done)
        with _open_for_writing(part, done) as file:
            _copy(response, file, remote, done, progress)


def _open(url: str, offset: int) -> http.client.HTTPResponse:
    """Ask for the bytes from ``offset`` on.

    Raises:
        _WrongContentError: The server's file is shorter.
    """
    _check_url(url)
    headers = {"User-Agent": "cnnforge", "Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - checked above
    try:
        response: http.client.HTTPResponse = _OPENER.open(request, timeout=_TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        error.close()
        raise _WrongContentError(f"expected a file of more than {offset} bytes") from error
    return response


def _agreed_offset(response: http.client.HTTPResponse, remote: RemoteFile, asked: int) -> int:
    """Return where the response's first byte belongs; 0 if the server sends all of it again.

    Raises:
        _WrongContentError: The server cannot continue what there is.
        ConnectionError: The answer is another file, such as the page of a hotel's network; what there is stays.
    """
    if response.status == http.HTTPStatus.PARTIAL_CONTENT:
        content_range = response.headers.get("Content-Range", "")
        if content_range != f"bytes {asked}-{remote.size - 1}/{remote.size}":
            raise _WrongContentError(f"expected bytes {asked} to the end of {remote.size}, received {content_range!r}")
        return asked
    if response.length not in (None, remote.size):
        raise ConnectionError(f"expected a file of size={remote.size} bytes, received size={response.length}")
    return 0


def _open_for_writing(part: Path, offset: int) -> IO[bytes]:
    with files.storage_errors(part):
        return part.open("ab" if offset else "wb")


def _copy(
    response: http.client.HTTPResponse, file: IO[bytes], remote: RemoteFile, done: int, progress: DownloadProgress
) -> None:
    """Write what the server sends, until the file is complete or the server too slow.

    Raises:
        ConnectionError: The server ended too early.
        TimeoutError: It is slower than a telephone line.
    """
    progress(done, remote.size)
    window_start, window_bytes = time.monotonic(), 0
    while done < remote.size and (chunk := response.read1(_CHUNK_BYTES)):
        with files.storage_errors(Path(file.name)):
            file.write(chunk[: remote.size - done])
            file.flush()
        done = min(done + len(chunk), remote.size)
        window_bytes += len(chunk)
        progress(done, remote.size)
        seconds = time.monotonic() - window_start
        if seconds > _TIMEOUT_SECONDS:
            if window_bytes < _MIN_BYTES_PER_SECOND * seconds:
                raise TimeoutError(f"slower than {_MIN_BYTES_PER_SECOND} bytes a second")
            window_start, window_bytes = time.monotonic(), 0
    if done < remote.size:
        raise ConnectionError(f"connection ended after {done} of {remote.size} bytes")
    os.fsync(file.fileno())


def _verify(remote: RemoteFile, part: Path) -> None:
    with part.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != remote.sha256:
        raise _WrongContentError(f"expected sha256={remote.sha256}, received sha256={found}")


def _is_right(remote: RemoteFile, target: Path) -> bool:
    try:
        _verify(remote, target)
    except (_WrongContentError, OSError):
        return False
    return True


def _check_space(remote: RemoteFile, part: Path) -> None:
    needed, free = remote.size - _size(part), shutil.disk_usage(part.parent).free
    if needed > free:
        raise StorageError(
            f"expected {needed / 1e6:.0f} MB free for {remote.name}, received {free / 1e6:.0f} MB in {part.parent}",
            hint="free some space, or choose another folder with CNNFORGE_DATA_DIR",
        )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        return f"answered {error.code} {error.reason}"
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    return str(cause) or type(cause).__name__


def _check_url(url: str, *, is_loopback_allowed: bool = True) -> None:
    """Refuse everything but https; plain http never leaves this machine.

    Raises:
        URLError: The address is of another kind.
    """
    parts = urllib.parse.urlsplit(url)
    is_loopback = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")
    if parts.scheme != "https" and not (is_loopback and is_loopback_allowed):
        raise urllib.error.URLError(f"expected an https address, received {url}")


class _CheckedRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to https only; from https never back to http, not even on this machine."""

    def redirect_request(  # noqa: PLR0917 - the signature is urllib's
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        try:
            _check_url(newurl, is_loopback_allowed=req.type == "http")
        except urllib.error.URLError:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_OPENER = urllib.request.build_opener(_CheckedRedirects)
