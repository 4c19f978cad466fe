"""The command as its users start and stop it: what it prints, how it ends, what it keeps to."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cnnforge.running.run_dir import RunDir
from tests.e2e.serve.conftest import TOKEN, Served, serving
from tests.serving import expected, load_run, make_run, wait_until
from tests.unit.data.image_cases import BOMBS, JPEG, encode, pattern

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def served(run: RunDir, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(run, tmp_path_factory.mktemp("served"), token=TOKEN) as found:
        yield found


def test_srv04_bombs_take_no_memory(served: Served) -> None:
    status = Path(f"/proc/{served.process.pid}/status")
    if not status.exists():
        pytest.skip("needs /proc to read how much memory a process has used")

    def peak_kilobytes() -> int:
        return int(next(line for line in status.read_text().splitlines() if line.startswith("VmHWM")).split()[1])

    with served.client() as client:
        assert client.post("/predict", content=JPEG).status_code == 200
        before = peak_kilobytes()
        for case in BOMBS:
            assert client.post("/predict", content=case.make()).status_code == 422
        assert client.post("/predict", content=JPEG).status_code == 200
    assert peak_kilobytes() - before < 256 * 1024


def test_srv10_the_files_of_the_run_may_change_while_it_is_served(tmp_path: Path) -> None:
    directory = make_run(tmp_path)
    wanted = expected(load_run(directory), JPEG)
    with serving(directory, tmp_path) as served, served.client() as client:
        for change in (lambda: directory.best_weights.write_bytes(b"torn"), lambda: shutil.rmtree(directory.path)):
            change()
            answer = client.post("/predict", content=JPEG)
            assert answer.json()["predictions"][0]["probabilities"] == wanted


def test_srv12_the_log_has_a_line_for_each_request_and_nothing_of_its_content(served: Served) -> None:
    with served.client() as client:
        client.post("/predict", files={"image": ("my-secret-name.jpg", b"SECRET-CONTENT")})
        client.post("/predict", content=b"--", headers={"Content-Type": "multipart/form-data; boundary=secret"})
    log = served.errors.read_text(encoding="utf-8")
    assert '"POST /predict HTTP/1.1" 422' in log
    assert '"POST /predict HTTP/1.1" 400' in log
    assert "secret" not in log.lower()
    assert TOKEN not in log


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_srv09_a_signal_lets_requests_in_progress_finish(
    run: RunDir, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    with serving(run, tmp_path, token=TOKEN) as served, served.client() as client:
        host, _, port = served.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            headers = f"Host: localhost\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: {len(JPEG)}\r\n\r\n"
            connection.sendall(f"POST /predict HTTP/1.1\r\n{headers}".encode() + JPEG[:100])
            wait_until(lambda: "cnnforge_images_in_progress 1.0" in client.get("/metrics").text)
            served.process.send_signal(number)
            wait_until(lambda: client.get("/readyz").status_code == 503)
            refused = client.post("/predict", content=JPEG)
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
            assert client.get("/healthz").status_code == 200
            connection.sendall(JPEG[100:])
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        assert served.process.wait(30) == code
    assert "Traceback" not in served.errors.read_text(encoding="utf-8")


def test_srv09_a_request_that_never_ends_is_not_waited_for(run: RunDir, tmp_path: Path) -> None:
    with serving(run, tmp_path) as served, served.client() as client:
        host, _, port = served.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n")
            wait_until(lambda: "cnnforge_images_in_progress 1.0" in client.get("/metrics").text)
            start = time.monotonic()
            served.process.send_signal(signal.SIGTERM)
            assert connection.recv(65536).startswith(b"HTTP/1.1 503")
            assert time.monotonic() - start < 10
        assert served.process.wait(30) == 143
    assert "Traceback" not in served.errors.read_text(encoding="utf-8")


def test_srv14_predict_and_serve_say_the_same_of_the_same_files(run: RunDir, served: Served, tmp_path: Path) -> None:
    for number in range(40):
        content = encode(np.roll(pattern(60, 128), number, axis=1))
        (tmp_path / f"{number:02}.jpg").write_bytes(content)
    done = cnnforge("predict", str(run.path), str(tmp_path), "--json")
    paths = sorted(tmp_path.iterdir())
    with served.client() as client:
        answer = client.post("/predict", files=[("images", (path.name, path.read_bytes())) for path in paths]).json()
    printed = [{**line, "name": Path(line["name"]).name} for line in json.loads(done.stdout)]
    assert answer["predictions"] == printed
    assert len(printed) == 40


def test_an_address_in_use_is_said_before_anything_is_loaded(run: RunDir) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = cnnforge("serve", str(run.path), "--port", port)
    assert done.returncode == 2
    assert f"cannot listen at --host 127.0.0.1 --port {port}" in done.stderr
    assert "→ choose another --port" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere",), "expected a run directory"),
        (("RUN", "--token", "two words"), "expected a token of ASCII characters"),
        (("RUN", "--host", "256.0.0.1"), "cannot listen at --host 256.0.0.1"),
        (("RUN", "--trusted-proxy", "proxy.example"), "received trusted_proxy=proxy.example"),
        (("RUN", "--trusted-proxy", "10.0.0.1/8"), "expected the address or network of a proxy"),
    ],
)
def test_what_is_wrong_with_the_command_line_is_said(run: RunDir, arguments: tuple[str, ...], message: str) -> None:
    done = cnnforge("serve", *(str(run.path) if word == "RUN" else word for word in arguments))
    assert (done.returncode, message in done.stderr) == (2, True)


def test_a_run_without_weights_is_refused(tmp_path: Path) -> None:
    directory = make_run(tmp_path)
    directory.best_weights.unlink()
    done = cnnforge("serve", str(directory.path), "--port", "0")
    assert (done.returncode, "expected a run with trained weights" in done.stderr) == (2, True)


def test_elsewhere_than_at_loopback_a_missing_token_is_warned_of(run: RunDir, tmp_path: Path) -> None:
    with serving(run, tmp_path, "--host", "0.0.0.0", "--no-log") as served:
        assert served.url.startswith("http://127.0.0.1:")
        assert "warning: whoever reaches 0.0.0.0 may ask" in served.errors.read_text(encoding="utf-8")


def test_hosts_and_proxies_can_be_named(run: RunDir, tmp_path: Path) -> None:
    options = ("--allowed-host", "cats.example", "--allowed-host", "10.0.0.7", "--trusted-proxy", "127.0.0.1")
    with serving(run, tmp_path, *options) as served, served.client() as client:
        for host, status in {"cats.example": 200, "10.0.0.7:80": 200, "dogs.example": 400}.items():
            assert client.get("/healthz", headers={"Host": host}).status_code == status
        client.get("/healthz", headers={"X-Forwarded-For": "203.0.113.7"})
        wait_until(lambda: "203.0.113.7" in served.errors.read_text(encoding="utf-8"))


def test_without_the_extra_it_says_what_to_install(run: RunDir) -> None:
    code = "import sys; sys.modules['fastapi'] = None; from cnnforge.cli.console import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "serve", str(run.path)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 2
    assert "pip install 'cnnforge[serve]'" in done.stderr


def cnnforge(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cnnforge", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
