"""The cases SRV01 to SRV14 of the catalogue of bad inputs: what clients may do, and what they get."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest

from cnnforge.data.decoding import decode
from cnnforge.running.trained_run import TrainedRun
from cnnforge_serve import server as serve_server
from cnnforge_serve.limits import Limits
from cnnforge_serve.service import Service
from tests.serving import GatedService, Running, expected, make_service, running, wait_until
from tests.unit.data.image_cases import BOMBS, CASES, JPEG, Case, encode, pattern

# Pillow's warnings are silenced by the decoder's module; pytest puts its own filters in their place.
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning:PIL"),
    pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning"),
]
FORM = "multipart/form-data; boundary=x"


def photograph(number: int) -> bytes:
    """A photograph that differs from those of other numbers."""
    return encode(np.roll(pattern(60, 128), number, axis=1), quality=90)


def part(name: str, content: bytes, field: str = "images") -> bytes:
    head = f'--x\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'
    return head.encode() + content + b"\r\n"


FIELD = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n'


@dataclass(frozen=True)
class Bad:
    """A request that is refused: its body and type, and the status and words of the answer."""

    name: str
    body: bytes
    content_type: str | None
    status: int
    detail: str

    def __str__(self) -> str:
        return self.name


REFUSED = [
    Bad("SRV01 empty body", b"", "image/jpeg", 400, "received nothing"),
    Bad("SRV01 empty body of no type", b"", None, 400, "received nothing"),
    Bad("SRV01 not an image", b"hello", "image/jpeg", 422, "not an image"),
    Bad("SRV01 type text/plain", JPEG, "text/plain", 415, "received text/plain"),
    Bad("SRV01 type of curl --data", JPEG, "application/x-www-form-urlencoded", 415, "x-www-form-urlencoded"),
    Bad("SRV01 JSON", b"{}", "application/json", 415, "received application/json"),
    Bad("SRV01 type that is noise", JPEG, "\xff;;", 415, "expected an image/"),
    Bad("SRV01 form without a file", FIELD + b"--x--", FORM, 400, "received none"),
    Bad("SRV01 form of nothing", b"--x--\r\n", FORM, 400, "received none"),
    Bad("SRV01 form without a boundary", JPEG, "multipart/form-data", 400, "boundary"),
    Bad("SRV01 form that is none", JPEG, FORM, 400, "cannot be read"),
    Bad("SRV01 form cut off in a file", part("a.jpg", JPEG)[:-60], FORM, 400, "cut off"),
    Bad("SRV01 form cut off behind a file", part("a.jpg", JPEG), FORM, 400, "cut off"),
    Bad("SRV01 part without a name", b"--x\r\nContent-Type: image/jpeg\r\n\r\nb\r\n--x--", FORM, 400, "name"),
    Bad("SRV01 a file of nothing", part("a.jpg", b"") + b"--x--", FORM, 422, "empty file"),
    Bad("SRV03 too many files", 65 * part("a.jpg", JPEG) + b"--x--", FORM, 413, "at most 64 images"),
]


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_what_is_no_image_is_refused_with_a_reason(server: Running, case: Bad) -> None:
    headers = {} if case.content_type is None else {"Content-Type": case.content_type.encode("latin-1")}
    answer = server.client.post("/predict", content=case.body, headers=headers)
    assert answer.status_code == case.status
    assert case.detail in answer.json()["detail"]
    assert server.service.load.images == server.service.load.bytes == 0


@pytest.mark.parametrize("case", CASES, ids=str)
def test_srv02_every_image_is_answered_or_refused_with_its_reason(server: Running, case: Case) -> None:
    content = case.make()
    answer = server.client.post("/predict", files={"image": ("a.jpg", content)})
    (prediction,) = answer.json()["predictions"]
    if case.pixels is None:
        assert answer.status_code == 422
        assert case.reason in prediction["error"]
        assert answer.json()["detail"] == prediction["error"]
    else:
        assert answer.status_code == 200
        assert prediction["probabilities"] == expected(server.service.trained, content)


@pytest.mark.parametrize("case", BOMBS, ids=str)
def test_srv04_bombs_are_refused(server: Running, case: Case) -> None:
    answer = server.predict(case.make())
    assert (answer.status_code, case.reason in answer.json()["detail"]) == (422, True)


def test_srv04_the_limit_on_pixels_can_be_lowered(trained: TrainedRun) -> None:
    with running(Service(trained, Limits(max_pixels=1000))) as server:
        assert "more than 1000 pixels" in server.predict(JPEG).json()["detail"]


def test_srv03_a_declared_length_above_the_limit_is_refused_unread(server: Running) -> None:
    with server.connect() as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000000\r\n\r\n")
        assert received_status(connection) == 413


def test_srv03_a_body_of_unknown_length_is_refused_once_it_is_too_long(trained: TrainedRun) -> None:
    held: list[int] = []
    with running(Service(trained, Limits(max_bytes=100_000))) as server:
        sent = 0

        def endless() -> Iterator[bytes]:
            nonlocal sent
            while sent < 10_000_000:
                sent += 10_000
                held.append(server.service.load.bytes)
                yield bytes(10_000)

        answer = server.client.post("/predict", content=endless())
        assert answer.status_code == 413
        assert max(held) <= 100_000
        assert server.service.load.bytes == 0
        assert server.predict(JPEG).status_code == 200


@pytest.mark.parametrize("path", ["/predict", "/explain"])
def test_srv03_a_form_is_bounded_in_the_same_way(trained: TrainedRun, path: str) -> None:
    with running(make_service(trained, Limits(max_bytes=50_000))) as server:
        answer = server.client.post(path, files={"image": ("a.jpg", bytes(60_000))})
        assert (answer.status_code, answer.json()["detail"]) == (413, "expected at most 50000 bytes")


def test_srv03_all_bodies_together_are_bounded(trained: TrainedRun) -> None:
    limits = Limits(max_bytes=1000)
    with running(Service(trained, limits)) as server:
        started = [start_upload(server, 900, 1000) for _ in range(8)]
        wait_until(lambda: server.service.load.bytes == 7200)
        answer = server.client.post("/predict", content=bytes(900))
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        for connection in started:
            connection.close()
        wait_until(lambda: server.service.load.bytes == 0)


def test_srv05_good_and_bad_requests_at_once_get_their_own_answers(server: Running) -> None:
    contents = [photograph(n) if n % 2 else f"no image {n}".encode() for n in range(100)]
    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(server.predict, contents))
    for content, answer in zip(contents, answers, strict=True):
        if content.startswith(b"no image"):
            assert answer.status_code == 422
        else:
            assert answer.json()["predictions"][0]["probabilities"] == expected(server.service.trained, content)
    assert len({answer.text for answer in answers if answer.status_code == 200}) == 50
    assert max(answer.elapsed.total_seconds() for answer in answers) < 20


def test_srv06_a_slow_client_is_sent_away_and_holds_nobody_up(trained: TrainedRun) -> None:
    with running(Service(trained, Limits(timeout_seconds=0.5))) as server, start_upload(server, 10, 1000) as slow:
        assert server.predict(JPEG).status_code == 200
        assert received_status(slow) == 408
        wait_until(lambda: server.service.load.images == 0)
        assert slow.recv(1) == b""  # the connection is closed


@pytest.mark.parametrize(
    "begun",
    [b"", b"POST /predict HTTP/1.1\r\nHost: localhost\r\n", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET"],
    ids=["nothing", "half a request", "half of a second request"],
)
def test_srv06_a_connection_on_which_nothing_is_asked_is_closed(
    trained: TrainedRun, begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve_server, "_IDLE_SECONDS", 0.2)
    with running(Service(trained, Limits())) as server, server.connect() as connection:
        connection.sendall(begun)
        received = b""
        while piece := receive(connection):
            received += piece
        assert received.endswith(b"ok") == begun.startswith(b"GET")


def test_srv07_a_client_that_leaves_leaves_nothing_behind(
    trained: TrainedRun, caplog: pytest.LogCaptureFixture
) -> None:
    with running(Service(trained, Limits())) as server:
        for total in (1000, 10_000_000):
            start_upload(server, 900, total).close()
        wait_until(lambda: server.client.get("/metrics").text.count('status="499"') > 0)
        wait_until(lambda: server.service.load.images == server.service.load.bytes == 0)
        assert server.predict(JPEG).status_code == 200
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_srv08_a_full_queue_says_when_to_come_back(trained: TrainedRun) -> None:
    service = GatedService(trained, Limits(queue=4))
    with running(service) as server, ThreadPoolExecutor(8) as pool:
        service.gate.is_open.clear()
        waiting = [pool.submit(server.predict, photograph(n)) for n in range(4)]
        wait_until(lambda: service.load.images == 4)
        for answer in (server.predict(JPEG), server.client.post("/explain", content=JPEG)):
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
            assert "the queue is full (4 images)" in answer.json()["detail"]
        service.gate.is_open.set()
        assert [task.result().status_code for task in waiting] == 4 * [200]
        assert server.predict(JPEG).status_code == 200


def test_srv08_a_request_counts_with_all_its_images(trained: TrainedRun) -> None:
    with running(Service(trained, Limits(queue=4))) as server:
        answer = server.client.post("/predict", files=[("images", ("a.jpg", JPEG))] * 5)
        assert answer.status_code == 503
        answer = server.client.post("/predict", files=[("images", ("a.jpg", JPEG))] * 4)
        assert answer.status_code == 200
        assert server.service.load.images == 0


def test_srv08_an_answer_that_takes_too_long_is_given_up(trained: TrainedRun) -> None:
    service = GatedService(trained, Limits(timeout_seconds=0.3))
    with running(service) as server:
        service.gate.is_open.clear()
        assert server.predict(JPEG).status_code == 504
        assert server.predict(JPEG).status_code == 504  # waits behind the first
        assert service.load.images == 0
        service.gate.is_open.set()
        wait_until(lambda: server.predict(JPEG).status_code == 200)
        assert service.gate.batches == [1, 1]  # what was given up while it waited is not computed


NAMES = {
    "../../etc/passwd": "../../etc/passwd",
    "/etc/passwd": "/etc/passwd",
    "C:\\x\\cat.jpg": "cat.jpg",  # an old browser's whole path
    "%0d%0aX-Injected: 1": "%0d%0aX-Injected: 1",
    "n" * 4000: "n" * 255,
    "<script>alert(1)</script>": "<script>alert(1)</script>",
    "café 🐈": "café 🐈",
    "": "",
}


@pytest.mark.parametrize("name", NAMES)
def test_srv11_names_are_repeated_and_never_used(server: Running, name: str) -> None:
    body = part(name, JPEG) + b"--x--"
    answer = server.client.post("/predict", content=body, headers={"Content-Type": FORM})
    assert answer.json()["predictions"][0]["name"] == NAMES[name]
    assert "X-Injected" not in answer.headers
    assert answer.headers["Content-Type"] == "application/json"


def test_srv11_a_line_break_in_a_name_is_no_header(server: Running) -> None:
    body = part("a\r\nX-Injected: 1\r\n", JPEG) + b"--x--"
    answer = server.client.post("/predict", content=body, headers={"Content-Type": FORM})
    assert answer.status_code in {200, 400}
    assert "X-Injected" not in answer.headers


ELSEWHERE = ["/..%2f..%2fetc/passwd", "/page/../app.py", "/%0d%0aX-Injected:%201", "/docs", "/redoc"]


@pytest.mark.parametrize("path", ELSEWHERE)
def test_srv11_there_are_no_other_paths(server: Running, path: str) -> None:
    with server.connect() as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        answer = receive(connection)
    assert answer.startswith(b"HTTP/1.1 404")
    assert b"X-Injected" not in answer.partition(b"\r\n\r\n")[0]
    assert f'path="{path}"' not in server.client.get("/metrics").text


def test_srv12_the_log_holds_no_image_and_no_name(server: Running, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        server.client.post("/predict", files={"image": ("my-secret-name.jpg", JPEG)})
        server.predict(b"SECRET-CONTENT")
    text = "\n".join(record.getMessage() for record in caplog.records)
    assert '"POST /predict HTTP/1.1" 200' in text
    assert "secret" not in text.lower()


def test_srv13_a_network_that_fails_is_started_again(trained: TrainedRun) -> None:
    service = GatedService(trained, Limits())
    with running(service) as server, ThreadPoolExecutor(2) as pool:
        service.start_gate.clear()
        service.gate.num_failures = 1
        answer = pool.submit(server.predict, JPEG).result()
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert "failed" in answer.json()["detail"]
        assert server.client.get("/readyz").status_code == 503
        assert server.client.get("/healthz").status_code == 200
        refused = server.predict(JPEG)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        service.start_gate.set()
        wait_until(lambda: server.client.get("/readyz").status_code == 200)
        assert server.predict(JPEG).json()["predictions"][0]["probabilities"] == expected(trained, JPEG)
        assert "cnnforge_worker_failures_total 1.0" in server.client.get("/metrics").text


def test_srv14_served_probabilities_are_those_of_the_predictor_to_the_bit(server: Running) -> None:
    contents = [photograph(n) for n in range(40)]
    trained = server.service.trained
    pixels = np.stack([decode(content, trained.decoding).pixels for content in contents])
    wanted = trained.predictor()(pixels)
    alone = [server.predict(content).json()["predictions"][0] for content in contents]
    together = server.client.post("/predict", files=[("images", (f"{n}", c)) for n, c in enumerate(contents)]).json()
    with ThreadPoolExecutor(16) as pool:
        at_once = [a.json()["predictions"][0] for a in pool.map(server.predict, contents)]
    for predictions in (alone, together["predictions"], at_once):
        found = np.array([[p["probabilities"][name] for name in trained.class_names] for p in predictions], np.float32)
        np.testing.assert_array_equal(found, wanted)
        assert [p["predicted"] for p in predictions] == [trained.class_names[i] for i in wanted.argmax(axis=1)]


def start_upload(server: Running, sent: int, total: int) -> socket.socket:
    """A connection on which a part of a body has been sent."""
    connection = server.connect()
    connection.sendall(
        f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {total}\r\n\r\n".encode() + bytes(sent)
    )
    wait_until(lambda: server.service.load.bytes > 0)
    return connection


def received_status(connection: socket.socket) -> int:
    return int(receive(connection).split(b" ", 2)[1])


def receive(connection: socket.socket) -> bytes:
    """What has come; nothing where the other side has closed the connection, politely or not."""
    try:
        return connection.recv(65536)
    except ConnectionResetError:
        return b""
