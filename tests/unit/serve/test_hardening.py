"""What a client may do to others: slow senders, floods, endless heads, odd forms, names of elsewhere."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from cnnforge.running.trained_run import TrainedRun
from cnnforge_serve import limits as serve_limits, server as serve_server
from cnnforge_serve.hosts import Hosts
from cnnforge_serve.limits import Limits
from cnnforge_serve.service import PixelRoom, Service
from tests.serving import GatedService, Running, expected, running, wait_until
from tests.unit.data.flood_cases import FLOODS
from tests.unit.data.image_cases import JPEG, Case

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning:PIL"),
    pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning"),
]
HEAD = "POST /predict HTTP/1.1\r\nHost: localhost\r\n"
FORM = "Content-Type: multipart/form-data; boundary=x\r\n"

SLOW = {
    "a body": f"{HEAD}Content-Length: 1000\r\n\r\n1",
    "a chunked body": f"{HEAD}Transfer-Encoding: chunked\r\n\r\n1\r\n1\r\n",
    "a form": f"{HEAD}{FORM}Content-Length: 1000\r\n\r\n--x",
    "headers": f"{HEAD}X-Slow: ",
    "a path": "GET /",
    "nothing": "",
}


@contextlib.contextmanager
def senders(server: Running, number: int, begun: str) -> Iterator[list[socket.socket]]:
    """Connections that have begun to send, and are still sending."""
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(server.connect()) for _ in range(number)]
        for connection in connections:
            connection.sendall(begun.encode())
        yield connections


@pytest.mark.parametrize(
    "begun", [begun for begun in SLOW.values() if begun], ids=[name for name in SLOW if SLOW[name]]
)
def test_slow_senders_take_nobodys_place(trained: TrainedRun, begun: str) -> None:
    with running(Service(trained, Limits(queue=8))) as server, senders(server, 40, begun) as connections:
        for _ in range(3):
            for connection in connections:
                connection.sendall(b"1")
            assert server.client.get("/readyz").status_code == 200
            assert server.predict(JPEG).json()["predictions"][0]["probabilities"] == expected(trained, JPEG)


@pytest.mark.parametrize("begun", SLOW.values(), ids=SLOW)
def test_with_too_many_connections_the_slowest_loses_its_place(
    trained: TrainedRun, begun: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve_server, "_MAX_CONNECTIONS", 10)
    with running(Service(trained, Limits())) as server, senders(server, 10, begun) as connections:
        assert server.predict(JPEG).status_code == 200  # on one connection, which is kept
        assert receive_all(connections[0]) == b""
        connections[-1].sendall(b"1")
        assert server.predict(JPEG).status_code == 200


def test_a_connection_in_work_is_never_closed_for_another(trained: TrainedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve_server, "_MAX_CONNECTIONS", 3)
    service = GatedService(trained, Limits())
    with running(service) as server, ThreadPoolExecutor(1) as pool:
        service.gate.is_open.clear()
        waiting = pool.submit(server.predict, JPEG)
        wait_until(lambda: service.load.queued == 1)
        with senders(server, 10, "GET") as connections:
            assert receive_all(connections[0]) == b""
            service.gate.is_open.set()
            assert waiting.result().status_code == 200


def test_where_bytes_are_short_the_slowest_body_is_given_up(
    trained: TrainedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve_limits, "_GRACE_SECONDS", 0.0)
    size = len(JPEG)
    with running(Service(trained, Limits(max_bytes=size))) as server:
        begun = f"{HEAD}Content-Length: {size}\r\n\r\n" + "1" * (size - 1)
        with senders(server, 8, begun) as connections:
            wait_until(lambda: server.service.load.bytes == 8 * (size - 1))
            assert server.predict(JPEG).status_code == 200
            assert receive_all(connections[0]).startswith(b"HTTP/1.1 408")
        wait_until(lambda: server.service.load.images == server.service.load.bytes == 0)


def test_readyz_says_that_the_queue_is_full(trained: TrainedRun) -> None:
    service = GatedService(trained, Limits(queue=2))
    with running(service) as server, ThreadPoolExecutor(2) as pool:
        service.gate.is_open.clear()
        waiting = [pool.submit(server.predict, JPEG) for _ in range(2)]
        wait_until(lambda: service.load.queued == 2)
        answer = server.client.get("/readyz")
        assert (answer.status_code, answer.text) == (503, "not ready: the queue is full")
        assert "cnnforge_ready 0.0" in server.client.get("/metrics").text
        service.gate.is_open.set()
        assert [task.result().status_code for task in waiting] == [200, 200]
        assert server.client.get("/readyz").status_code == 200


@pytest.mark.parametrize("path", ["/predict", "/explain"])
def test_readyz_says_that_nobody_is_answered(trained: TrainedRun, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve_limits, "STALLED_SECONDS", 0.2)
    service = GatedService(trained, Limits())
    with running(service) as server, ThreadPoolExecutor(1) as pool:
        service.gate.is_open.clear()
        waiting = pool.submit(server.client.post, path, content=JPEG)
        wait_until(lambda: server.client.get("/readyz").status_code == 503)
        assert "no answer for" in server.client.get("/readyz").text
        service.gate.is_open.set()
        assert waiting.result().status_code == 200
        assert server.client.get("/readyz").status_code == 200


@pytest.mark.parametrize("case", FLOODS, ids=str)
def test_srv04_floods_are_refused(server: Running, case: Case) -> None:
    answer = server.predict(case.make())
    assert (answer.status_code, case.reason in answer.json()["detail"]) == (422, True)


MEGABYTE = 2**20
ENDLESS = {
    "a header of 10 MB": f"{HEAD}X-Large: {10 * MEGABYTE * 'a'}\r\n\r\n",
    "the name of a header": f"{HEAD}{MEGABYTE * 'a'}: 1\r\n\r\n",
    "a hundred thousand headers": HEAD + 100_000 * "a: b\r\n" + "\r\n",
    "a path": f"GET /{MEGABYTE * 'a'} HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a query": f"GET /healthz?{MEGABYTE * 'a'} HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a method": MEGABYTE * "A",
    "a header without an end": f"{HEAD}X-Large: {MEGABYTE * 'a'}",
}


@pytest.mark.parametrize("request_", ENDLESS.values(), ids=ENDLESS)
def test_an_endless_head_is_refused(server: Running, request_: str, caplog: pytest.LogCaptureFixture) -> None:
    with server.connect() as connection:
        answer = sent(connection, request_.encode())
    assert answer[:12] in {b"HTTP/1.1 431", b"HTTP/1.1 400", b""}  # nothing: closed before all of it was sent
    assert errors(caplog) == []
    assert server.client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    "rest",
    [
        "0\r\n" + 100_000 * "a: b\r\n",
        "0\r\nX-Large: " + MEGABYTE * "a",
        "1;" + MEGABYTE * "a" + "\r\n1\r\n",
    ],
    ids=["many trailers", "a large trailer", "a large extension of a chunk"],
)
def test_what_stands_around_a_body_is_bounded(server: Running, rest: str, caplog: pytest.LogCaptureFixture) -> None:
    with server.connect() as connection:
        sent(connection, f"{HEAD}Transfer-Encoding: chunked\r\n\r\n{rest}".encode())
        assert receive_all(connection)[:12] in {b"", b"HTTP/1.1 431", b"HTTP/1.1 400"}
    wait_until(lambda: server.service.load.images == 0)
    assert errors(caplog) == []


def test_a_photograph_in_small_chunks_is_answered(server: Running) -> None:
    answer = server.client.post("/predict", content=(JPEG[start : start + 7] for start in range(0, len(JPEG), 7)))
    assert answer.json()["predictions"][0]["probabilities"] == expected(server.service.trained, JPEG)


def part(head: str, content: bytes = b"b") -> bytes:
    return f"--x\r\n{head}\r\n\r\n".encode() + content + b"\r\n"


DISPOSITION = 'Content-Disposition: form-data; name="a"'
FILE = f'{DISPOSITION}; filename="a.jpg"'
ODD_FORMS = {
    "a boundary of 60 kB": ("x" * 60_000, b"--x--", 400),
    "a boundary of 71 characters": ("x" * 71, b"--x--", 400),
    "a boundary of nothing": ("", b"--x--", 400),
    "a quoted boundary of nothing": ('""', b"--x--", 400),
    "a boundary that is noise": ("\xff\xfe", b"--\xff--", 400),
    "ten thousand fields": ("x", 10_000 * part(DISPOSITION) + b"--x--", 413),
    "ten thousand files": ("x", 10_000 * part(FILE, JPEG) + b"--x--", 413),
    "ten thousand headers of a part": ("x", part("\r\n".join([FILE, *10_000 * ["a: b"]])) + b"--x--", 400),
    "a header of a part of 100 kB": ("x", part(f"{FILE}\r\na: {100_000 * 'b'}") + b"--x--", 400),
    "base64 that is none": ("x", part(f"{FILE}\r\nContent-Transfer-Encoding: base64", b"!!!") + b"--x--", 400),
    "a part without a head": ("x", b"--x\r\n\r\nb\r\n--x--", 400),
    "line breaks without end": ("x", 1_000_000 * b"\r\n", 400),
    "nearly the boundary, without end": ("x" * 70, b"--" + 70 * b"x" + 100_000 * (b"\r\n--" + 69 * b"x"), 400),
}


@pytest.mark.parametrize(("boundary", "body", "status"), ODD_FORMS.values(), ids=ODD_FORMS)
def test_an_odd_form_is_refused(
    server: Running, boundary: str, body: bytes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    content_type = f"multipart/form-data; boundary={boundary}".encode("latin-1")
    answer = server.client.post("/predict", content=body, headers={"Content-Type": content_type})
    assert (answer.status_code, "detail" in answer.json()) == (status, True)
    assert errors(caplog) == []


HOSTS = {
    "localhost": 200,
    "LocalHost:8000": 200,
    "127.0.0.1": 200,
    "[::1]:8000": 200,
    "another.example": 400,
    "another.example:8000": 400,
    "localhost.another.example": 400,
    "127.0.0.1.another.example": 400,
    "192.168.1.5": 400,
    "localhost@another.example": 400,
    "": 400,
    ":8000": 400,
    "[::1": 400,
    "loca\xe9host": 400,
}


@pytest.mark.parametrize("path", ["/healthz", "/", "/predict"])
@pytest.mark.parametrize("host", HOSTS)
def test_only_its_own_names_are_answered(server: Running, host: str, path: str) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    with server.connect() as connection:
        status = int(sent(connection, request.encode("latin-1")).split(b" ", 2)[1])
    assert status == (405 if HOSTS[host] == 200 and path == "/predict" else HOSTS[host])


@pytest.mark.parametrize("lines", ["", "Host: localhost\r\nHost: another.example\r\n"], ids=["no host", "two hosts"])
def test_one_host_must_be_named(server: Running, lines: str) -> None:
    with server.connect() as connection:
        answer = sent(connection, f"GET /healthz HTTP/1.1\r\n{lines}Connection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    ("names", "listens_at", "header", "is_taken"),
    [
        (["cats.example"], "127.0.0.1", "cats.example:443", True),
        (["Cats.Example"], "127.0.0.1", "cats.example", True),
        (["cats.example"], "127.0.0.1", "dogs.example", False),
        (["*"], "127.0.0.1", "dogs.example", True),
        ([], "192.168.1.5", "192.168.1.5:8000", True),
        ([], "192.168.1.5", "192.168.1.6:8000", False),
        ([], "0.0.0.0", "192.168.1.6:8000", True),
        ([], "0.0.0.0", "[fe80::1]:8000", True),
        ([], "0.0.0.0", socket.gethostname(), True),
        ([], "0.0.0.0", "another.example", False),
        ([], "::", "another.example", False),
        ([], "fe80::1%eth0", "[FE80:0::1]", True),
    ],
)
def test_hosts(names: list[str], listens_at: str, header: str, is_taken: bool) -> None:
    assert Hosts(names, listens_at).takes(header) == is_taken


@pytest.mark.parametrize(
    ("trusted", "forwarded", "shown"),
    [
        ((), "203.0.113.7", "127.0.0.1"),
        (("10.0.0.1/32",), "203.0.113.7", "127.0.0.1"),
        (("127.0.0.1/32",), "203.0.113.7", "203.0.113.7"),
        (("127.0.0.0/8",), "203.0.113.7, 127.0.0.9", "203.0.113.7"),
        (("127.0.0.1/32",), "203.0.113.7, 203.0.113.8", "203.0.113.8"),
    ],
)
def test_a_forwarded_address_is_believed_from_named_proxies_alone(
    trained: TrainedRun,
    trusted: tuple[str, ...],
    forwarded: str,
    shown: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")  # uvicorn's own variable is not asked
    with (
        caplog.at_level(logging.INFO, "uvicorn.access"),
        running(Service(trained, Limits()), trusted_proxies=trusted) as server,
    ):
        server.client.get("/healthz", headers={"X-Forwarded-For": forwarded})
    (line,) = [record.getMessage() for record in caplog.records if "/healthz" in record.getMessage()]
    assert line.startswith(f"{shown}:")


def test_images_are_decoded_side_by_side_as_long_as_there_is_room() -> None:
    room, order, release = PixelRoom(100), [], threading.Event()

    def decode(name: str, num_pixels: int) -> None:
        with room(num_pixels):
            order.append(name)
            assert release.wait(30)

    with ThreadPoolExecutor(4) as pool:
        tasks = [pool.submit(decode, "60", 60), pool.submit(decode, "40", 40)]
        wait_until(lambda: set(order) == {"60", "40"})
        tasks += [pool.submit(decode, "1", 1), pool.submit(decode, "1000", 1000)]
        assert room._num_pixels == 100
        release.set()
        for task in tasks:
            task.result(30)
    assert room._num_pixels == 0


def sent(connection: socket.socket, request: bytes) -> bytes:
    """Send a request, of which the other side may not want the whole, and return the start of the answer."""
    with contextlib.suppress(ConnectionError):
        connection.sendall(request)
    return receive_all(connection)


def receive_all(connection: socket.socket) -> bytes:
    received = b""
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(65536):
            received += piece
    return received


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR or record.exc_info]
