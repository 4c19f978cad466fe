"""Whatever holds it up, the process ends within ten seconds of a signal and at once at a second; memory is bounded."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from PIL import Image

from cnnforge.running.run_dir import RunDir
from tests.e2e.serve.conftest import Served, serving
from tests.serving import wait_until
from tests.unit.data.image_cases import JPEG, encode

pytestmark = pytest.mark.slow

_NEVER = "threading.Event().wait"
HELD_UP = {
    "a decoder that hangs": f"service.decode = lambda *_: {_NEVER}()",
    "a network that hangs": f"service.ExactBatches = lambda _: lambda images: {_NEVER}()",
    "a decoder that keeps the interpreter busy": "service.decode = lambda *_: [None for _ in iter(int, 1)]",
    "answers that hang": "endpoints.JSONResponse = lambda *_: [None for _ in iter(int, 1)]",
}


@contextlib.contextmanager
def held_up(run: RunDir, how: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Start the command with one of its parts replaced; yield the process and its port."""
    code = (
        "import threading; from cnnforge_serve import endpoints, service;"
        f"{how}; from cnnforge.cli.console import main; main()"
    )
    command = [sys.executable, "-c", code, "serve", str(run.path), "--port", "0", "--no-log"]
    environ = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(3)]
            yield process, int(lines[1].rpartition(":")[2].strip().strip("/"))
        finally:
            process.kill()


def ask(port: int, content: bytes = JPEG) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    head = f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(content)}\r\n\r\n"
    connection.sendall(head.encode() + content)
    return connection


def are_in_work(port: int, number: int) -> bool:
    """Return whether so many requests are in work, or the server is too busy with them to say so."""
    try:
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=2).text
    except httpx.TimeoutException:
        return True
    return f"cnnforge_images_in_progress {number}.0" in text


@pytest.mark.parametrize("how", HELD_UP.values(), ids=HELD_UP)
def test_srv09_whatever_is_in_flight_it_ends_in_ten_seconds(run: RunDir, how: str) -> None:
    with held_up(run, how) as (process, port), contextlib.ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(ask(port))
        wait_until(lambda: are_in_work(port, 8))
        start = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 143
        assert time.monotonic() - start < 10.5


@pytest.mark.parametrize("how", HELD_UP.values(), ids=HELD_UP)
def test_srv09_a_second_signal_ends_it_at_once(run: RunDir, how: str) -> None:
    with held_up(run, how) as (process, port), ask(port):
        wait_until(lambda: are_in_work(port, 1))
        process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        start = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 143
        assert time.monotonic() - start < 2


def test_srv09_slow_senders_do_not_hold_up_the_end(run: RunDir, tmp_path: Path) -> None:
    with serving(run, tmp_path, "--no-log") as served, contextlib.ExitStack() as stack:
        port = int(served.url.rpartition(":")[2])
        begun = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n1"
        for _ in range(300):
            stack.enter_context(socket.create_connection(("127.0.0.1", port))).sendall(begun)
        with served.client() as client:
            wait_until(lambda: "cnnforge_images_in_progress 300.0" in client.get("/metrics").text)
            assert client.get("/readyz").status_code == 200
            assert client.post("/predict", content=JPEG).status_code == 200
        start = time.monotonic()
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(30) == 143
        assert time.monotonic() - start < 10.5
    assert "Traceback" not in served.errors.read_text(encoding="utf-8")


LARGE = {
    "WebP with alpha": ("WEBP", "RGBA"),
    "WebP": ("WEBP", "RGB"),
    "PNG with alpha": ("PNG", "RGBA"),
    "PNG of grey with alpha": ("PNG", "LA"),
}
SIDE = 3000
BYTES_PER_PIXEL = 36  # as the guide says


@pytest.fixture(scope="module")
def narrow(run: RunDir, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that takes images of nine megapixels."""
    with serving(run, tmp_path_factory.mktemp("narrow"), "--no-log", "--max-pixels", str(SIDE**2)) as found:
        yield found


@pytest.mark.parametrize(("image_format", "mode"), LARGE.values(), ids=LARGE)
def test_srv04_the_memory_of_large_images_is_bounded(narrow: Served, image_format: str, mode: str) -> None:
    status = Path(f"/proc/{narrow.process.pid}")
    if not status.exists():
        pytest.skip("needs /proc to read how much memory a process has used")
    content = encode(Image.new(mode, (SIDE, SIDE)), image_format)
    with narrow.client() as client, ThreadPoolExecutor(12) as pool:
        assert client.post("/predict", content=JPEG).status_code == 200
        (status / "clear_refs").write_text("5", encoding="ascii")  # the peak starts anew
        before = kilobytes(status, "VmRSS")
        answers = list(pool.map(lambda _: client.post("/predict", content=content), range(12)))
        assert {answer.status_code for answer in answers} == {200}
        taken = kilobytes(status, "VmHWM") - before
    assert taken * 1024 < BYTES_PER_PIXEL * SIDE**2 + 64 * 2**20  # and what else the process needs for twelve requests


def kilobytes(process: Path, name: str) -> int:
    lines = (process / "status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))
