"""Files are written whole or not at all."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from cnnforge.errors import StorageError
from cnnforge.system.files import append_line, expanded, new_folder, replacing, write_json, write_text


def test_a_file_appears_whole_and_nothing_beside_it(tmp_path):
    path = tmp_path / "new" / "folder" / "file.txt"
    write_text(path, "één\r\nline")
    assert path.read_bytes() == "één\r\nline".encode()
    assert list(path.parent.iterdir()) == [path]


def test_failing_half_way_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old", encoding="utf-8")

    def write_half():
        with replacing(path) as temporary:
            temporary.write_text("half of the ne", encoding="utf-8")
            assert path.read_text(encoding="utf-8") == "old"
            raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        write_half()
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_line_that_could_not_be_kept_is_not_there(tmp_path, monkeypatch):
    path = tmp_path / "lines.txt"
    append_line(path, "één")

    def refuse(handle):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        with pytest.raises(StorageError, match=r"cannot write .*lines\.txt: Input/output error"):
            append_line(path, "two")
    append_line(path, "three")
    assert path.read_text(encoding="utf-8") == "één\nthree\n"


def test_a_full_disk_is_a_storage_error_that_names_the_file(tmp_path):
    path = tmp_path / "file.txt"
    with pytest.raises(StorageError, match=r"cannot write .*file\.txt: No space left") as caught, replacing(path):
        raise OSError(28, "No space left on device")
    assert caught.value.exit_code == 6
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot write"):
        write_text(tmp_path / "file" / "below.txt", "text")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_others_may_read_what_the_umask_lets_them(tmp_path):
    path = tmp_path / "file.txt"
    before = os.umask(0o022)
    try:
        write_text(path, "text")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_json_is_utf8_for_people(tmp_path):
    path = tmp_path / "file.json"
    write_json(path, {"name": "één", "list": [1]})
    text = path.read_text(encoding="utf-8")
    assert "één" in text
    assert text.endswith("}\n")
    assert json.loads(text) == {"name": "één", "list": [1]}


def test_a_folder_appears_whole_and_nothing_beside_it(tmp_path):
    with new_folder(tmp_path / "new" / "folder") as temporary:
        (temporary / "inner").mkdir()
        (temporary / "inner" / "file.txt").write_text("text", encoding="utf-8")
        assert not (tmp_path / "new" / "folder").exists()
    assert list((tmp_path / "new").iterdir()) == [tmp_path / "new" / "folder"]
    assert (tmp_path / "new" / "folder" / "inner" / "file.txt").read_text(encoding="utf-8") == "text"


def test_a_folder_that_fails_half_way_is_not_there(tmp_path):
    def fill_half():
        with new_folder(tmp_path / "folder") as temporary:
            (temporary / "file.txt").touch()
            raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        fill_half()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_made_by_somebody_else_meanwhile_is_kept(tmp_path):
    with pytest.raises(StorageError), new_folder(tmp_path / "folder") as temporary:
        (temporary / "ours.txt").touch()
        (tmp_path / "folder").mkdir()
        (tmp_path / "folder" / "theirs.txt").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["folder", "theirs.txt"]


def test_json_holds_a_file_name_that_is_no_utf8(tmp_path):
    value = {"name": os.fsdecode(b"caf\xe9.jpg"), "city": "Zürich"}
    write_json(tmp_path / "value.json", value)
    assert json.loads((tmp_path / "value.json").read_text(encoding="utf-8")) == value


def test_a_home_folder_is_put_in_and_that_of_nobody_is_left_as_it_is():
    assert expanded("~/photographs") == Path.home() / "photographs"
    assert expanded("~no-such-user/photographs") == Path("~no-such-user/photographs")
    assert expanded(Path("a/~b")) == Path("a/~b")
