"""The journal: nothing that was written is lost, nothing half written counts."""

from __future__ import annotations

import json
import os

import pytest

from cnnforge.errors import StorageError
from cnnforge_tuning.journal import Journal


def test_events_come_back_in_order(tmp_path):
    journal = Journal(tmp_path / "journal.jsonl")
    assert journal.read() == []
    first, second = journal.append("ask", trial="0000", values={"a": 1}), journal.append("tell", trial="0000")
    assert Journal(tmp_path / "journal.jsonl").read() == [first, second]


def test_a_line_cut_off_anywhere_never_happened_and_the_next_one_is_whole(tmp_path):
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    first = journal.append("ask", trial="0000")
    whole = path.read_bytes()
    line = json.dumps({"event": "tell", "trial": "0000", "history": [0.5]}).encode() + b"\n"
    for length in range(len(line)):
        path.write_bytes(whole + line[:length])
        assert journal.read() == [first]
        assert path.read_bytes() == whole
    journal.append("tell", trial="0000")
    assert [event["event"] for event in journal.read()] == ["ask", "tell"]


def test_a_file_with_nothing_but_half_a_line_is_empty(tmp_path):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'{"event": "as')
    assert Journal(path).read() == []


@pytest.mark.parametrize("damage", [b"\n", b"x\n", b"[]\n", b'{"trial": "0000"}\n'])
def test_a_damaged_line_in_the_middle_is_an_error_that_names_it(tmp_path, damage):
    path = tmp_path / "journal.jsonl"
    Journal(path).append("ask", trial="0000")
    path.write_bytes(path.read_bytes() + damage)
    Journal(path).append("tell", trial="0000")
    with pytest.raises(StorageError, match="line 2 of"):
        Journal(path).read()


def test_an_event_that_could_not_be_kept_never_happened(tmp_path, monkeypatch):
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append("ask", trial="0000")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: exec("raise OSError(5, 'Input/output error')"))
        with pytest.raises(StorageError, match="Input/output error"):
            journal.append("ask", trial="0001")
    journal.append("tell", trial="0000")
    assert [(event["event"], event["trial"]) for event in journal.read()] == [("ask", "0000"), ("tell", "0000")]


def test_a_folder_that_is_gone_is_a_storage_error(tmp_path):
    with pytest.raises(StorageError):
        Journal(tmp_path / "gone" / "journal.jsonl").append("ask")
