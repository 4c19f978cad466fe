"""`cnnforge new plugin`: what it says and what it refuses; what it writes is tested with `cnnforge.scaffold`."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def test_it_names_every_file_and_what_comes_next(cli, in_an_empty_folder):
    done = cli("new", "plugin", "acme-roses", "--architecture", "roses", "--data-source", "rose_photos")
    assert done.code == 0, done.err
    files, _, following = done.out.partition("\n\n")
    written = {
        path.relative_to(in_an_empty_folder).as_posix() for path in in_an_empty_folder.rglob("*.*") if path.is_file()
    }
    assert {line.removeprefix("wrote ") for line in files.splitlines()} == written
    assert following.splitlines()[1] == "  pip install --editable 'acme-roses[test]'"


def test_a_folder_that_exists_is_left_alone(cli, in_an_empty_folder):
    (in_an_empty_folder / "acme-roses").write_text("mine")
    done = cli("new", "plugin", "acme-roses")
    assert done.code == 2
    assert "acme-roses, which exists already" in done.err
    assert (in_an_empty_folder / "acme-roses").read_text() == "mine"
