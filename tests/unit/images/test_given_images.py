"""Files as people name them: what is opened, in which order, and what is said of the rest."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from cnnforge.images.opening import GivenImage, given_images


def given(*paths: str | Path, content: bytes = b"") -> list[GivenImage]:
    return list(given_images(map(str, paths), io.BufferedReader(io.BytesIO(content))))


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    for name in ("b/2.jpg", "b/10.jpg", "a.png", "b/.hidden.jpg", "notes.txt", ".cache/x.jpg", "__MACOSX/x.jpg"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    monkeypatch.chdir(tmp_path)
    return tmp_path / "in"


def test_a_folder_in_the_order_of_its_names_without_what_is_no_photograph(folder):
    found = given("in")
    assert [image.name for image in found] == ["in/a.png", "in/b/2.jpg", "in/b/10.jpg"]
    assert [image.read() for image in found] == [b"a.png", b"b/2.jpg", b"b/10.jpg"]
    assert [image.place for image in found] == [(folder.parent / image.name).as_posix() for image in found]


def test_a_file_named_is_taken_whatever_its_name(folder):
    (image,) = given("in/notes.txt")
    assert image.read() == b"notes.txt"


def test_patterns(folder):
    assert [image.name for image in given("in/**/[0-9]*.jpg")] == ["in/b/10.jpg", "in/b/2.jpg"]
    assert [image.name for image in given("in/[!_]*")] == ["in/a.png", "in/b/2.jpg", "in/b/10.jpg", "in/notes.txt"]
    (none,) = given("in/*.gif")
    with pytest.raises(FileNotFoundError):
        none.read()


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_paths_from_standard_input(folder, end):
    lines = end.join([b"in/a.png", b"", b"in/b", b"nowhere"])
    assert [image.name for image in given("-", content=lines)] == ["in/a.png", "in/b/2.jpg", "in/b/10.jpg", "nowhere"]


def test_an_image_from_standard_input():
    content = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(1000)
    (image,) = given("-", content=content)
    assert (image.name, image.read(), image.place) == ("-", content, "")


def test_nothing_on_standard_input():
    assert given("-") == []


@pytest.mark.parametrize("path", ["nowhere", "null\0character", "x" * 5000])
def test_what_cannot_be_opened_is_yielded_and_says_why_when_read(folder, path):
    (image,) = given(path)
    with pytest.raises((OSError, ValueError)):
        image.read()


def test_a_pipe_is_refused_and_never_waited_for(folder):
    os.mkfifo(folder / "pipe.jpg")
    (image,) = given("in/pipe.jpg")
    with pytest.raises(ValueError, match="not a regular file"):
        image.read()


def test_a_damaged_archive_is_one_row(folder):
    (folder / "x.zip").write_bytes(b"PK\x03\x04 cut off")
    (image,) = given("in/x.zip")
    with pytest.raises(ValueError, match="cut off"):
        image.read()


def test_links_are_followed_and_each_file_is_met_once(folder):
    outside = folder.parent / "outside"
    outside.mkdir()
    (outside / "1.jpg").write_bytes(b"1")
    (folder / "again.jpg").symlink_to(folder / "a.png")
    (folder / "c").symlink_to(outside, target_is_directory=True)
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    assert [image.name for image in given("in")] == ["in/a.png", "in/b/2.jpg", "in/b/10.jpg", "in/c/1.jpg"]


def test_names_that_are_no_text_are_escaped(folder):
    name = os.fsdecode(b"\xff.jpg")
    (folder / name).write_bytes(b"x")
    assert "in/\\udcff.jpg" in [image.name for image in given("in")]
    (image,) = given("-", content=b"in/\xff.jpg\n")
    assert image.read() == b"x"
