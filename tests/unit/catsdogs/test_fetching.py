"""Downloads against a server on this machine that behaves oddly."""

from __future__ import annotations

import hashlib
import http.server
import multiprocessing
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cnnforge.errors import DataError, StorageError
from cnnforge.system import data_dir
from cnnforge_catsdogs import fetching
from cnnforge_catsdogs.fetching import RemoteFile, fetch

CONTENT = bytes(range(256)) * 1200  # 300 kB
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with what the test's ``behave(handler)`` does, and remembers each request's Range."""

    server: Server

    def do_GET(self) -> None:
        self.server.ranges.append(self.headers.get("Range"))
        self.server.behave(self)

    def log_message(self, *args: object) -> None:
        pass

    @property
    def offset(self) -> int:
        return int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))

    def answer(self, body: bytes, status: int = 200, **headers: object) -> None:
        self.send_response(status)
        for name, value in {"Content_Length": len(body), **headers}.items():
            if value is not None:
                self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)

    def answer_rest(self, end: int | None = None) -> None:
        """Answer properly from the asked offset on, but hang up at ``end``."""
        body = CONTENT[self.offset : end]
        rest = len(CONTENT) - self.offset
        content_range = f"bytes {self.offset}-{len(CONTENT) - 1}/{len(CONTENT)}"
        if self.offset:
            self.answer(body, 206, Content_Length=rest, Content_Range=content_range)
        else:
            self.answer(body, Content_Length=rest)


class Server(http.server.ThreadingHTTPServer):
    """A server on a free port of this machine."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behave: Callable[[Handler], None] = Handler.answer_rest
        self.ranges: list[str | None] = []

    def handle_error(self, *args: object) -> None:
        """Say nothing of clients that hang up; that is what is tested."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/file.zip"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "data" / "file.zip"


def remote(*urls: str, sha256: str = SHA256, size: int = len(CONTENT)) -> RemoteFile:
    return RemoteFile(name="file.zip", urls=urls, size=size, sha256=sha256)


def get(target: Path, *urls: str, **wanted: Any) -> list[tuple[int, int | None]]:
    """Fetch, check the result and return what was reported."""
    reports: list[tuple[int, int | None]] = []
    fetched = fetch(remote(*urls, **wanted), target, progress=lambda done, total: reports.append((done, total)))
    assert fetched == target
    assert target.read_bytes() == CONTENT
    assert not part_of(target).exists()
    return reports


def part_of(target: Path) -> Path:
    return target.with_name("file.zip.part")


def put_part(target: Path, content: bytes) -> None:
    target.parent.mkdir(parents=True)
    part_of(target).write_bytes(content)


def once(first: Callable[[Handler], None]) -> Callable[[Handler], None]:
    """Behave oddly on the first request and properly from then on."""
    behaviours = iter([first])
    return lambda handler: next(behaviours, Handler.answer_rest)(handler)


def test_size_is_reported_before_the_first_byte_and_the_whole_at_the_end(server: Server, target: Path) -> None:
    reports = get(target, server.url)
    assert reports[0] == (0, len(CONTENT))
    assert reports[-1] == (len(CONTENT), len(CONTENT))
    assert reports == sorted(reports)


def test_right_file_in_place_is_not_fetched_again(server: Server, target: Path) -> None:
    target.parent.mkdir()
    target.write_bytes(CONTENT)
    get(target, server.url)
    assert server.ranges == []


def test_wrong_file_in_place_is_replaced(server: Server, target: Path) -> None:
    target.parent.mkdir()
    target.write_bytes(b"half a file")
    get(target, server.url)
    assert server.ranges == [None]
    assert target.read_bytes() == CONTENT


def test_connection_closed_at_60_percent_is_resumed_there(server: Server, target: Path) -> None:
    end = len(CONTENT) * 6 // 10
    server.behave = once(lambda handler: handler.answer_rest(end))
    get(target, server.url)
    assert server.ranges == [None, f"bytes={end}-"]


def test_interrupted_download_is_continued_by_the_next(server: Server, target: Path) -> None:
    def interrupt(done: int, total: int | None) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(remote(server.url), target, progress=interrupt)
    received = part_of(target).stat().st_size
    assert not target.exists()
    get(target, server.url)
    assert server.ranges == [None, f"bytes={received}-"]


def test_complete_part_is_only_verified(server: Server, target: Path) -> None:
    put_part(target, CONTENT)
    get(target, server.url)
    assert server.ranges == []


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(lambda handler: handler.answer(CONTENT), id="range ignored"),
        pytest.param(lambda handler: handler.answer(b"", 416), id="range refused"),
        pytest.param(
            lambda handler: handler.answer(
                CONTENT[9:], 206, Content_Range=f"bytes 9-{len(CONTENT) - 1}/{len(CONTENT)}"
            ),
            id="another range",
        ),
        pytest.param(lambda handler: handler.answer(b"", 206, Content_Range="bytes 100-199/200"), id="another size"),
    ],
)
def test_server_that_cannot_resume_sends_all_of_it(
    server: Server, target: Path, odd: Callable[[Handler], None]
) -> None:
    put_part(target, CONTENT[:100])
    server.behave = once(odd)
    get(target, server.url)
    assert server.ranges[0] == "bytes=100-"


def test_part_of_another_file_is_thrown_away(server: Server, target: Path) -> None:
    put_part(target, b"x" * 5000)
    get(target, server.url)
    assert server.ranges == ["bytes=5000-", None]


def test_no_content_length(server: Server, target: Path) -> None:
    server.behave = lambda handler: handler.answer(CONTENT, Content_Length=None)
    assert get(target, server.url)[0] == (0, len(CONTENT))


def test_content_without_end_is_cut_at_the_known_size(server: Server, target: Path) -> None:
    server.behave = lambda handler: handler.answer(CONTENT * 3, Content_Length=None)
    get(target, server.url)
    assert target.read_bytes() == CONTENT


def test_wrong_checksum_is_deleted_and_fetched_once_more(server: Server, target: Path) -> None:
    server.behave = once(lambda handler: handler.answer(b"x" * len(CONTENT)))
    get(target, server.url)
    assert server.ranges == [None, None]


def test_wrong_checksum_twice_is_an_error_and_nothing_stays(server: Server, target: Path) -> None:
    with pytest.raises(DataError, match=f"expected sha256=0000, received sha256={SHA256}"):
        fetch(remote(server.url, sha256="0000"), target, progress=lambda *_: None)
    assert len(server.ranges) == 2
    assert not target.exists()
    assert not part_of(target).exists()


def test_page_in_place_of_the_file_is_refused_and_what_there_is_stays(server: Server, target: Path) -> None:
    put_part(target, CONTENT[:1000])
    server.behave = lambda handler: handler.answer(b"<html>log in</html>")
    with pytest.raises(DataError, match=f"expected a file of size={len(CONTENT)} bytes, received size=19"):
        fetch(remote(server.url), target, progress=lambda *_: None)
    assert part_of(target).read_bytes() == CONTENT[:1000]


def test_next_mirror_is_tried_and_continues(server: Server, target: Path) -> None:
    with Server() as gone:
        dead_url = gone.url
    put_part(target, CONTENT[:1000])
    get(target, dead_url, server.url)
    assert server.ranges == ["bytes=1000-"]


def test_error_names_each_mirror_with_its_reason(server: Server, target: Path) -> None:
    server.behave = lambda handler: handler.send_error(404)
    with pytest.raises(DataError, match=r"127.0.0.1:\d+: answered 404 Not Found; 127.0.0.1:\d+: answered 404"):
        fetch(remote(server.url, server.url), target, progress=lambda *_: None)


@pytest.mark.parametrize("place", ["http://example.com/file.zip", "file:///etc/hostname", "ftp://127.0.0.1/file.zip"])
def test_redirect_to_anything_but_https_is_refused(server: Server, target: Path, place: str) -> None:
    server.behave = lambda handler: handler.answer(b"", 302, Location=place)
    with pytest.raises(DataError, match=f"(expected an https address|Redirection to url).*{place}"):
        fetch(remote(server.url), target, progress=lambda *_: None)


@pytest.mark.parametrize("url", ["http://example.com/file.zip", "file:///etc/hostname"])
def test_address_that_is_not_https_is_refused(target: Path, url: str) -> None:
    with pytest.raises(DataError, match="expected an https address"):
        fetch(remote(url), target, progress=lambda *_: None)


def test_redirect_from_https_to_plain_http_on_this_machine_is_refused(server: Server) -> None:
    request = fetching.urllib.request.Request("https://example.com/file.zip")
    with pytest.raises(OSError, match="expected an https address"), Path(__file__).open("rb") as body:
        fetching._CheckedRedirects().redirect_request(request, body, 302, "Found", None, server.url)


def test_redirect_is_followed(server: Server, target: Path) -> None:
    server.behave = once(lambda handler: handler.answer(b"", 302, Location=server.url))
    get(target, server.url)
    assert server.ranges == [None, None]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "_TIMEOUT_SECONDS", 0.2)


@pytest.mark.usefixtures("impatient")
def test_server_that_falls_silent_is_given_up(server: Server, target: Path) -> None:
    is_over = threading.Event()

    def fall_silent(handler: Handler) -> None:
        handler.answer(CONTENT[handler.offset : handler.offset + 10], Content_Length=len(CONTENT))
        is_over.wait()

    server.behave = fall_silent
    with pytest.raises(DataError, match="timed out"):
        fetch(remote(server.url), target, progress=lambda *_: None)
    is_over.set()


@pytest.mark.usefixtures("impatient")
def test_server_that_drips_is_given_up(server: Server, target: Path) -> None:
    is_over = threading.Event()

    def drip(handler: Handler) -> None:
        handler.answer(b"", Content_Length=len(CONTENT))
        while not is_over.wait(0.02):
            handler.wfile.write(b"x")

    server.behave = drip
    with pytest.raises(DataError, match="slower than 1000 bytes a second"):
        fetch(remote(server.url), target, progress=lambda *_: None)
    is_over.set()


def test_offline_says_where_to_put_the_file(target: Path) -> None:
    with Server() as gone:
        url = gone.url
    with pytest.raises(DataError, match="could not download") as caught:
        fetch(remote(url), target, progress=lambda *_: None)
    assert str(target) in str(caught.value.hint)


def test_lack_of_space_is_told_before_the_download(server: Server, target: Path) -> None:
    with pytest.raises(StorageError, match="MB free for"):
        fetch(remote(server.url, size=10**18), target, progress=lambda *_: None)
    assert server.ranges == []


def test_folder_that_cannot_be_made_is_a_storage_error(server: Server, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file in the way")
    with pytest.raises(StorageError, match="data"):
        fetch(remote(server.url), tmp_path / "data" / "file.zip", progress=lambda *_: None)


def _fetch_in_process(url: str, target: Path, has_reported: Any) -> None:
    fetch(remote(url), target, progress=lambda *_: has_reported.set())


def test_two_processes_at_once_download_once_and_both_end_right(server: Server, target: Path) -> None:
    context = multiprocessing.get_context("spawn")
    has_reported = context.Event()  # before the server answers, only the process that waits for the other reports

    def answer_when_the_other_waits(handler: Handler) -> None:
        assert has_reported.wait(60)
        handler.answer_rest()

    server.behave = answer_when_the_other_waits
    arguments = (server.url, target, has_reported)
    processes = [context.Process(target=_fetch_in_process, args=arguments) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert target.read_bytes() == CONTENT
    assert server.ranges == [None]


def test_the_waiting_process_reports_how_far_the_other_is(server: Server, target: Path) -> None:
    put_part(target, CONTENT[:70_000])
    lock = fetching.filelock.FileLock(target.with_name("file.zip.lock"))
    lock.acquire()
    reports: list[int] = []

    def release_when_told(done: int, total: int | None) -> None:
        reports.append(done)
        lock.release()

    assert fetch(remote(server.url), target, progress=release_when_told).read_bytes() == CONTENT
    assert reports[0] == 70_000


def test_data_dir_is_chosen_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNNFORGE_DATA_DIR", str(tmp_path))
    assert data_dir() == tmp_path
    monkeypatch.delenv("CNNFORGE_DATA_DIR")
    assert data_dir().name == "cnnforge"
