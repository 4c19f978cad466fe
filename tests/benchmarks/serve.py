"""`cnnforge serve` under load, against servers that handle one image at a time.

``python tests/benchmarks/serve.py RUN ARCHIVE [--clients 1 8 64 256] [--seconds 10] [--rounds 3] [--only SIDE ...]``.
All servers are started first; then the sides take turns, for each number of clients and in each round, so that a
machine that slows down slows all of them. Each client keeps one connection and sends one photograph after the other;
every answer of ours must be, byte for byte, the one that the same photograph got alone. Clients and servers share the
processors of this machine. The last lines are the table of ``docs/guides/serve.md``: medians of the rounds. The sides:

* ``serve``: the server as it is.
* ``plain``: FastAPI, the same decoder, ``predict_on_batch`` on one image behind a lock; not the same bits.
* ``batches of one``: ours with batching off.
* ``tutorial``: ``plain`` with ``model.predict``, as it stands in most tutorials.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
import uvloop
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from cnnforge.data.decoding import decode
from cnnforge.images.opening import open_files
from cnnforge.network.predictor import BATCH_SIZE, class_probabilities

NUM_PHOTOGRAPHS = 500
WARM_SECONDS = 1.0
SIDES = ("serve", "plain", "batches of one", "tutorial")
OURS = ("serve", "batches of one")


def main() -> None:
    """Measure the sides in turns; print a line of JSON for each turn, then the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 64, 256])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=SIDES, default=SIDES[:2])
    parser.add_argument("--serve", choices=SIDES, help="be the server of that side; for this program's own use")
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.run, arguments.serve)
        return
    photographs, turns = read_photographs(arguments.archive), []
    with ExitStack() as stack:
        servers = {side: stack.enter_context(server(arguments.run, side)) for side in arguments.only}
        wanted = {side: answers(servers[side][0], photographs) if side in OURS else None for side in servers}
        for _, clients, side in itertools.product(range(arguments.rounds), arguments.clients, servers):
            turns.append(turn(side, clients, arguments.seconds, servers[side], photographs, wanted[side]))
            print(json.dumps(turns[-1]), flush=True)
    print(table(turns, arguments.only))


def turn(
    side: str,
    clients: int,
    seconds: float,
    served: tuple[int, int],
    photographs: list[bytes],
    wanted: list[bytes] | None,
) -> dict[str, Any]:
    """Return what one side came to under the load of so many clients, which is on before it is measured."""
    port, process_id = served
    uvloop.run(Load(photographs, wanted, WARM_SECONDS).run(port, clients))
    load = Load(photographs, wanted, seconds)
    cpu, start = processor_seconds(process_id), time.process_time()
    uvloop.run(load.run(port, clients))
    cpu, own = processor_seconds(process_id) - cpu, time.process_time() - start
    return {"side": side, "clients": clients, **load.summary(), **per_image(load, cpu, own)}


def table(turns: list[dict[str, Any]], sides: Sequence[str]) -> str:
    """Return the medians of all rounds as a table in Markdown, with the throughput against the last side's."""
    shown = ("images_per_second", "p50_ms", "p99_ms", "server_cpu_ms")
    lines = ["| clients | server | images/s | p50 | p99 | processor time an image | errors |", "| --- " * 7 + "|"]
    for clients in sorted({found["clients"] for found in turns}):
        for side in sides:
            rounds = [found for found in turns if (found["clients"], found["side"]) == (clients, side)]
            rate, p50, p99, cpu = (statistics.median(found[name] for found in rounds) for name in shown)
            errors = sum(found["errors"] for found in rounds)
            lines.append(f"| {clients} | {side} | {rate:.0f} | {p50:.3g} ms | {p99:.3g} ms | {cpu:.2g} ms | {errors} |")
    return "\n".join(lines)


def read_photographs(archive: Path) -> list[bytes]:
    """Return photographs that can be used, from all over the archive."""
    files = open_files(archive)
    names = [file.name for file in files.files]
    found = (files.read(name) for name in names[:: max(1, len(names) // NUM_PHOTOGRAPHS)])
    return [content for content in found if content][:NUM_PHOTOGRAPHS]


@contextmanager
def server(run: Path, side: str) -> Iterator[tuple[int, int]]:
    """Start the server of a side; yield its port and process id."""
    command = [sys.executable, __file__, str(run), ".", "--serve", side]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        yield int(process.stdout.readline()), process.pid
        process.send_signal(signal.SIGTERM)


def answers(port: int, photographs: list[bytes]) -> list[bytes]:
    """Return the answer to each photograph on its own."""
    return [
        urllib.request.urlopen(
            urllib.request.Request(f"http://127.0.0.1:{port}/predict", content, {"Content-Type": "image/jpeg"})
        ).read()
        for content in photographs
    ]


@dataclass
class Load:
    """Clients in a closed loop, what they saw, and for how long."""

    photographs: list[bytes]
    wanted: list[bytes] | None
    seconds: float
    latencies: list[float] = field(default_factory=list)
    num_errors: int = 0
    wall_seconds: float = 0.0

    async def run(self, port: int, num_clients: int) -> None:
        """Ask until the time is over."""
        loop = asyncio.get_running_loop()
        order = itertools.cycle(range(len(self.photographs)))
        start = time.perf_counter()
        clients = [
            (await loop.create_connection(lambda: Client(self, order, start + self.seconds), "127.0.0.1", port))[1]
            for _ in range(num_clients)
        ]
        await asyncio.gather(*(client.done for client in clients))
        self.wall_seconds = time.perf_counter() - start

    def summary(self) -> dict[str, Any]:
        """Return throughput and latencies."""
        cuts = statistics.quantiles(self.latencies, n=100)
        return {
            "images": len(self.latencies),
            "errors": self.num_errors,
            "images_per_second": round(len(self.latencies) / self.wall_seconds, 1),
            **{f"p{n}_ms": round(1000 * cuts[n - 1], 1) for n in (50, 95, 99)},
        }


class Client(asyncio.Protocol):
    """One connection: sends a photograph, waits for its answer, sends the next."""

    def __init__(self, load: Load, order: Iterator[int], until: float) -> None:
        self._load, self._order, self._until = load, order, until
        self._received = b""
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, _, body = self._received.partition(b"\r\n\r\n")
        if len(body) < int(head.partition(b"content-length: ")[2].split(b"\r\n", 1)[0]):
            return
        now = time.perf_counter()
        self._load.latencies.append(now - self._start)
        wanted = self._load.wanted
        if not head.startswith(b"HTTP/1.1 200") or (wanted and wanted[self._index] != body):
            self._load.num_errors += 1
        if now < self._until:
            self._ask()
        else:
            self._transport.close()
            self.done.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self._load.num_errors += 1
            self.done.set_result(None)

    def _ask(self) -> None:
        self._index, self._received = next(self._order), b""
        content = self._load.photographs[self._index]
        headers = f"Host: localhost\r\nContent-Type: image/jpeg\r\nContent-Length: {len(content)}"
        self._start = time.perf_counter()
        self._transport.write(f"POST /predict HTTP/1.1\r\n{headers}\r\n\r\n".encode() + content)


def processor_seconds(process_id: int) -> float:
    """Return the processor time that a process has used (Linux)."""
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def per_image(load: Load, server_seconds: float, client_seconds: float) -> dict[str, float]:
    """Return where the processor time went, in milliseconds an image."""
    number = max(1, len(load.latencies))
    return {
        "server_cpu_ms": round(1000 * server_seconds / number, 2),
        "client_cpu_ms": round(1000 * client_seconds / number, 2),
    }


def serve(run: Path, side: str) -> None:
    """Be the server of a side."""
    from cnnforge.interface import load_trained
    from cnnforge_serve.app import create_app
    from cnnforge_serve.limits import Limits
    from cnnforge_serve.server import listen, serve as answer
    from cnnforge_serve.service import Service

    trained = load_trained(str(run))
    listening = listen("127.0.0.1", 0)

    def say_port() -> None:
        print(listening.getsockname()[1], flush=True)

    if side in OURS:
        service = Service(trained, Limits(), 1 if side == "batches of one" else BATCH_SIZE)
        answer(create_app(service), service, listening, say_port, log=False)
    else:
        app = plain_app(trained, say_port, whole=side == "tutorial")
        uvicorn.Server(uvicorn.Config(app, access_log=False)).run(sockets=[listening])


def plain_app(trained: Any, on_start: Callable[[], None], *, whole: bool) -> FastAPI:
    """Return the server that one writes first."""
    app, lock = FastAPI(on_startup=[on_start]), threading.Lock()
    compute: Callable[[np.ndarray], np.ndarray] = trained.model.predict_on_batch
    if whole:
        compute = lambda images: trained.model.predict(images, verbose=0)  # noqa: E731
    compute(np.zeros((1, *trained.decoding.shape), np.uint8))

    def classify(content: bytes) -> dict[str, float]:
        pixels = decode(content, trained.decoding).pixels
        with lock:
            outputs = compute(pixels[np.newaxis])
        return dict(zip(trained.class_names, class_probabilities(outputs)[0].tolist(), strict=True))

    @app.post("/predict")
    async def predict(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(classify, await request.body()))

    return app


if __name__ == "__main__":
    main()
