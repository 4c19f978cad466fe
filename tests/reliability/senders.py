"""Figure 12: clients that send a byte at a time, and what they leave to the others."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.reliability.figure import Figure, share
from tests.unit.data.image_cases import JPEG

NUM_SENDERS = 300
NUM_REQUESTS = 20
PATIENCE_SECONDS = 20
PLAIN = """
import socket, uvicorn, fastapi
app = fastapi.FastAPI()
@app.post("/predict")
async def predict(request: fastapi.Request): return len(await request.body())
listening = socket.create_server(("127.0.0.1", 0), backlog=512)
print(listening.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="critical")).run(sockets=[listening])
"""
_HEAD = "POST /predict HTTP/1.1\r\nHost: localhost\r\n"
_FORM = "Content-Type: multipart/form-data; boundary=x\r\n"
WAYS = {
    "bodies": f"{_HEAD}Content-Length: 100000\r\n\r\n",
    "chunks": f"{_HEAD}Transfer-Encoding: chunked\r\n\r\n10000\r\n",
    "forms": f"{_HEAD}{_FORM}Content-Length: 100000\r\n\r\n--x",
    "headers": f"{_HEAD}X-Slow: ",
}


def measure(seed: int) -> Figure:
    from tests.e2e.serve.conftest import serving
    from tests.serving import make_run

    answered = ready = 0
    seconds = []
    with tempfile.TemporaryDirectory(prefix="cnnforge-senders-") as name:
        directory = make_run(Path(name))
        for begun in WAYS.values():
            with serving(directory, Path(name), "--no-log") as served, slow_senders(served.url, begun):
                with served.client() as client:
                    for _ in range(NUM_REQUESTS):
                        answered += client.post("/predict", content=JPEG).status_code == 200
                        ready += client.get("/readyz").status_code == 200
                seconds.append(seconds_to_end(served.process))
    whole = len(WAYS) * NUM_REQUESTS
    return Figure(
        ours=f"{share(answered, whole)}; ready {share(ready, whole)}; {max(seconds):.1f} s",
        theirs=f"FastAPI with uvicorn as it comes: {plain_server()}",
        count=f"{NUM_SENDERS} connections at a time that send a byte every tenth of a second: {', '.join(WAYS)}",
        is_met=answered == ready == whole and max(seconds) <= 10,
        details={"seconds_to_end": dict(zip(WAYS, seconds, strict=True))},
    )


@contextlib.contextmanager
def slow_senders(url: str, begun: str) -> Iterator[None]:
    """Keep connections open that send a byte at a time."""
    address = ("127.0.0.1", int(url.rpartition(":")[2]))
    has_ended = threading.Event()
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(socket.create_connection(address)) for _ in range(NUM_SENDERS)]
        for connection in connections:
            connection.sendall(begun.encode())

        def drip() -> None:
            while not has_ended.wait(0.1):
                for connection in connections:
                    with contextlib.suppress(OSError):  # sent away
                        connection.sendall(b"1")

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            yield
        finally:
            has_ended.set()
            thread.join()


def seconds_to_end(process: subprocess.Popen[str]) -> float:
    """Return the seconds from SIGTERM to the end of a server, which is ended after a while."""
    start = time.monotonic()
    process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE_SECONDS)
    process.kill()
    return time.monotonic() - start


def plain_server() -> str:
    """Return what becomes of a server that one writes first, under slow bodies."""
    with subprocess.Popen([sys.executable, "-c", PLAIN], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = f"http://127.0.0.1:{int(process.stdout.readline())}"
        with slow_senders(url, WAYS["bodies"]):
            answers = [httpx.post(f"{url}/predict", content=JPEG, timeout=10) for _ in range(NUM_REQUESTS)]
            seconds = seconds_to_end(process)
    good = sum(answer.status_code == 200 for answer in answers)
    ended = f"{seconds:.1f} s" if seconds < PATIENCE_SECONDS else f"more than {PATIENCE_SECONDS} s"
    return f"{share(good, NUM_REQUESTS)}; {ended}"
