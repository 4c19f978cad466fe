"""Folders below ``runs/`` that are odd, damaged, linked or foreign stop no listing, and nothing outside is touched."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.test_runs import make, names

FACTS = {
    "status": "failed",
    "started": "2026-01-01T00:00:00+00:00",
    "recipe": "x",
    "plugins": {"architecture": {"name": "cnn"}},
}
EVALUATION = {"accuracy": 0.5, "accuracy_interval": [0.4, 0.6], "split": "test"}
CHANGED_RUN: dict[str, object] = {
    "a list": [],
    "null": None,
    "empty": {},
    "no plugins": {k: v for k, v in FACTS.items() if k != "plugins"},
    "plugins are text": FACTS | {"plugins": "x"},
    "plugins are numbers": FACTS | {"plugins": {"architecture": 3}},
    "a status that is a list": FACTS | {"status": ["failed"]},
    "a recipe that is a list": FACTS | {"recipe": []},
    "no time": FACTS | {"started": "yesterday"},
    "a number for a time": FACTS | {"started": 3},
    "no number": FACTS | {"started": float("nan")},
    "a time without end": FACTS | {"started": "99999-01-01T00:00:00"},
}
CHANGED_EVALUATION: dict[str, object] = {
    "texts": {"accuracy": "x", "accuracy_interval": ["a", "b"], "split": 3},
    "no number": EVALUATION | {"accuracy": float("nan")},
    "infinite": EVALUATION | {"accuracy_interval": [0.1, float("inf")]},
    "above one": EVALUATION | {"accuracy": 95},
    "half an interval": EVALUATION | {"accuracy_interval": [0.1]},
    "an interval by name": EVALUATION | {"accuracy_interval": {"low": 0.1, "high": 0.2}},
    "a huge number": EVALUATION | {"accuracy": 10**400},
    "a list": [EVALUATION],
}


def replaced(path: Path, by: Callable[[Path], object]) -> None:
    path.unlink()
    by(path)


def link_to(target: str) -> Callable[[Path], object]:
    return lambda path: path.symlink_to(target)


ODD_FILES: dict[str, Callable[[Path], object]] = {
    "a folder": lambda path: path.mkdir(),
    "a pipe": os.mkfifo if hasattr(os, "mkfifo") else Path.mkdir,
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a link to nothing": link_to("/nowhere"),
    "a link to the run of another": link_to("../../elsewhere/run.json"),
    "a device": link_to("/dev/zero"),
    "huge": lambda path: path.write_bytes(b'{"a":"' + b"x" * 70_000_000 + b'"}'),
    "deep": lambda path: path.write_text("[" * 100_000),
    "no UTF-8": lambda path: path.write_bytes(b'{"status": "\xff"}'),
    "empty": lambda path: path.touch(),
}
PRUNES = (["--older-than", "3"], ["--unfinished"], ["--keep-best", "1"], ["--unfinished", "--older-than", "0"])


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Runs, two of which are as they should be."""
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "runs", "good", accuracy=0.9)
    make(tmp_path / "runs", "bad", "failed", has_weights=False)
    make(tmp_path, "elsewhere", "failed", has_weights=False)
    return tmp_path / "runs"


def check(cli, folder: Path, odd: str) -> None:
    """List and prune; the odd run is listed as damaged and left, ``bad`` goes, what lies elsewhere stays as it is."""
    listed = {run["name"]: run["status"] for run in json.loads(cli("runs", "--json").out)}
    assert listed == {"good": "finished", "bad": "failed", odd: "damaged"}
    assert cli("runs").code == 0
    before = snapshot(folder.parent / "elsewhere")
    for rules in PRUNES:
        done = cli("runs", "prune", *rules, "--yes")
        assert done.code == 0, done.err
    assert names(folder) == {"good", odd}
    assert snapshot(folder.parent / "elsewhere") == before


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("content", CHANGED_RUN.values(), ids=CHANGED_RUN)
def test_a_record_that_says_something_else(cli, folder, content):
    run = make(folder, "odd", "failed")
    (run / "run.json").write_text(json.dumps(content))
    check(cli, folder, "odd")


@pytest.mark.parametrize("content", CHANGED_EVALUATION.values(), ids=CHANGED_EVALUATION)
def test_an_evaluation_that_says_something_else(cli, folder, content):
    run = make(folder, "odd", "failed")
    (run / "evaluation.json").write_text(json.dumps(content))
    check(cli, folder, "odd")


@pytest.mark.skipif(os.name == "nt", reason="links and pipes")
@pytest.mark.parametrize("file", ["run.json", "evaluation.json"])
@pytest.mark.parametrize("odd", ODD_FILES.values(), ids=ODD_FILES)
def test_something_else_in_place_of_a_file(cli, folder, odd, file):
    run = make(folder, "odd", "failed", accuracy=0.5)
    replaced(run / file, odd)
    check(cli, folder, "odd")


@pytest.mark.skipif(os.name == "nt", reason="links")
@pytest.mark.parametrize("target", ["../elsewhere", "nowhere", "link", "good", ".."])
def test_a_linked_run_is_neither_listed_nor_followed_nor_renamed_nor_deleted(cli, folder, target):
    (folder / "link").symlink_to(target)
    before = snapshot(folder.parent / "elsewhere")
    assert {run["name"] for run in json.loads(cli("runs", "--json").out)} == {"good", "bad"}
    for rules in PRUNES:
        assert cli("runs", "prune", *rules, "--yes").code == 0
    assert names(folder) == {"good", "link"}
    assert str((folder / "link").readlink()) == target
    assert snapshot(folder.parent / "elsewhere") == before


@pytest.mark.skipif(os.name == "nt", reason="links")
def test_links_inside_a_run_are_removed_and_not_followed(cli, folder):
    elsewhere = folder.parent / "elsewhere"
    before = snapshot(elsewhere)
    (folder / "bad" / "data").symlink_to(elsewhere)
    (folder / "bad" / "loop").symlink_to(".")
    (folder / "bad" / "note.txt").symlink_to(elsewhere / "run.json")
    (run,) = json.loads(cli("runs", "--status", "failed", "--json").out)
    assert run["num_bytes"] < 10_000
    cli("runs", "prune", "--unfinished", "--yes")
    assert (names(folder), snapshot(elsewhere)) == ({"good"}, before)


@pytest.mark.skipif(os.name == "nt", reason="links and pipes")
@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_a_lock_that_is_none_is_not_taken(cli, folder, kind):
    precious = folder.parent / "precious"
    precious.write_text("precious")
    run = make(folder, "odd", "started")
    lock = run / "run.lock"
    {"link": lambda: lock.symlink_to(precious), "pipe": lambda: os.mkfifo(lock), "folder": lock.mkdir}[kind]()
    cli("runs", "prune", "--unfinished", "--yes")
    assert names(folder) == {"good", "odd"}
    assert precious.read_text() == "precious"


@pytest.mark.parametrize("name", ["a\nfailed  finished", "x\x1b[2J", "\u202egpj", "-rf", "~", "n" * 250, "a b"])
def test_a_name_that_is_odd_is_listed_and_its_run_deleted(cli, folder, name):
    if os.name == "nt" and not name.isprintable():
        pytest.skip("no name on Windows")
    make(folder, name, "failed", has_weights=False)
    shown = cli("runs").out
    assert len(shown.splitlines()) == 5 or len(name) > 80  # which takes several
    assert not set(shown) & {"\x1b", "\u202e"}
    assert name in {run["name"] for run in json.loads(cli("runs", "--json").out)}
    cli("runs", "prune", "--unfinished", "--yes")
    assert names(folder) == {"good"}


def test_times_without_a_zone_are_utc_and_those_to_come_are_not_old(cli, folder):
    tomorrow = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)
    make(folder, "future", "failed", started=tomorrow.isoformat(), has_weights=False)
    make(folder, "naive", "failed", started="2020-01-01T00:00:00", has_weights=False)
    make(folder, "far", "failed", started="9999-12-31T23:59:59-23:59", has_weights=False)
    make(folder, "early", "failed", started="0001-01-01T00:00:00+23:59", has_weights=False)
    cli("runs", "prune", "--unfinished", "--older-than", "1", "--yes")
    assert names(folder) == {"good", "future", "far"}


def test_files_and_empty_folders_are_no_runs(cli, folder):
    (folder / "file").write_text("x")
    (folder / "empty").mkdir()
    (folder / "run.json").write_text("{}")
    assert {run["name"] for run in json.loads(cli("runs", "--json").out)} == {"good", "bad"}
    assert json.loads(cli("runs", "--runs-dir", "runs/file", "--json").out) == []


@pytest.mark.skipif(os.name == "nt", reason="permissions")
def test_a_run_that_may_not_be_entered_is_listed_as_damaged(folder):
    """In a process without the superuser's privileges, whom permissions do not bind."""
    setpriv = shutil.which("setpriv")
    if os.geteuid() == 0 and setpriv is None:
        pytest.skip("the superuser may enter everything")
    make(folder, "closed", "failed").chmod(0)
    drop = [setpriv, "--bounding-set", "-all", "--inh-caps", "-all"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*drop, sys.executable, "-m", "cnnforge", "runs", "--json"], capture_output=True, text=True, check=False
    )  # type: ignore[arg-type]
    (folder / "closed").chmod(0o700)
    listed = {run["name"]: run["status"] for run in json.loads(done.stdout)}
    assert listed["closed"] in ("damaged", "failed")
    assert done.returncode == 0


def test_one_that_cannot_be_deleted_keeps_no_other(cli, folder, monkeypatch):
    from cnnforge.running import listing

    make(folder, "second", "failed", has_weights=False)
    rename = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if path.name == "bad":
            raise PermissionError(13, "Permission denied", str(path))
        return rename(path, target)

    monkeypatch.setattr(listing.Path, "rename", refuse)
    done = cli("runs", "prune", "--unfinished", "--yes")
    assert done.code == 0
    assert "deleted 1 of 2 runs" in done.out
    assert "bad: Permission denied" in done.err
    assert names(folder) == {"good", "bad"}
