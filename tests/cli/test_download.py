"""`cnnforge data download`: the plugin fetches, the command line shows progress."""

from __future__ import annotations

import pytest

SOURCE = """
    import cnnforge
    from pathlib import Path

    @cnnforge.hookimpl
    def cnnforge_data_sources():
        yield cnnforge.DataSourceSpec(
            name="flowers", summary="one", open="florist:open_source", download="florist:download"
        )
        yield cnnforge.DataSourceSpec(name="weeds", summary="one", open="florist:open_source")

    def download(*, progress):
        for done in range(0, 1001):
            progress(done * 100_000, {total})
        return Path("flowers.zip")
"""


@pytest.fixture
def florist(site, monkeypatch):
    monkeypatch.setenv("CNNFORGE_LOAD_PLUGINS", "florist")

    def install(total):
        site.install("florist", SOURCE.format(total=total))

    return install


@pytest.mark.parametrize(
    ("total", "lines"),
    [
        ("100_000_000", [f"flowers: {done} of 100 MB" for done in range(0, 101, 10)]),
        ("None", ["flowers: 0 MB", "flowers: 50 MB", "flowers: 100 MB"]),
    ],
)
def test_progress_in_a_log_is_a_line_now_and_then(cli, florist, total, lines):
    florist(total)
    done = cli("data", "download", "flowers")
    assert (done.code, done.out) == (0, "flowers: flowers.zip\n")
    assert done.err.splitlines() == lines


def test_progress_on_a_terminal_is_a_bar(cli, florist, monkeypatch):
    florist("100_000_000")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")
    done = cli("data", "download", "flowers")
    assert (done.code, done.out) == (0, "flowers: flowers.zip\n")
    assert "100.0/100.0 MB" in done.err


def test_a_source_with_nothing_to_fetch_is_answered_with_those_that_have(cli, florist):
    florist("None")
    done = cli("data", "download", "weeds")
    assert done.code == 2
    assert "received 'weeds'." in done.err
    assert "flowers" in done.err
